"""What there is in the whole database, in figures. For the operator, by the command line only.

Nothing here may take long on a large database: numbers of documents come from the collections' metadata, groups are
made over indexes, and when a user was active last is looked up by index, user by user, in the server.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId

from storage.accounts.users import USER
from storage.core.database import Database, Document
from storage.core.translation import translated

COUNTED = ("users", "conversations", "messages", "files", "presets", "assistants", "agents", "sharedlinks")


class Statistics:
    """Figures over all users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[str, int]:
        """How many documents the main collections have, by their metadata: exact unless MongoDB has just crashed."""
        with translated():
            return {name: self._database.collection(name).estimated_document_count() for name in COUNTED}

    def roles(self) -> dict[str, int]:
        """How many users have each role; over the index of roles."""
        rows = self._aggregate("users", [{"$group": {"_id": "$role", "count": {"$sum": 1}}}])
        found: dict[str, int] = {}
        for row in rows:
            # LibreChat's default for a document of an older version, that has none.
            role = str(row["_id"] or USER)
            found[role] = found.get(role, 0) + row["count"]
        return dict(sorted(found.items()))

    def active_since(self, moments: Mapping[str, datetime]) -> dict[str, int]:
        """How many users have begun a session, or have a message, since each of these moments; by their names."""
        # A session's id says when it began; a refresh leaves no trace.
        dates = ["$messages.createdAt", {"$toDate": "$sessions._id"}]
        rows = self._aggregate(
            "users",
            [
                {"$project": {"text": {"$toString": "$_id"}}},
                *_latest("messages", "$text", "createdAt"),
                *_latest("sessions", "$_id", "_id"),
                {"$project": {"last": {"$max": dates}}},
                {"$group": {"_id": None, **{name: _sum_since(moment) for name, moment in moments.items()}}},
            ],
        )
        return {name: int(rows[0][name]) if rows else 0 for name in moments}

    def file_bytes(self) -> int:
        """How many bytes the files have, by their records."""
        rows = self._aggregate("files", [{"$group": {"_id": None, "bytes": {"$sum": "$bytes"}}}])
        return int(rows[0]["bytes"]) if rows else 0

    def sizes(self) -> dict[str, int]:
        """Bytes of the database: the documents, what they take on disk, and the indexes."""
        with translated():
            stats = self._database.collection("users").database.command("dbStats")
        return {name: int(stats[field]) for name, field in SIZES.items()}

    def tokens_by_month(self, since: datetime) -> list[Mapping[str, Any]]:
        """Tokens of LibreChat's transactions by month, the last month first; a transaction's id says when it was."""
        tokens = {"$abs": {"$ifNull": ["$rawAmount", 0]}}
        rows = self._aggregate(
            "transactions",
            [
                {"$match": {"_id": {"$gte": ObjectId.from_datetime(since)}, "tokenType": {"$ne": "credits"}}},
                {
                    "$group": {
                        "_id": {
                            "month": {"$dateToString": {"date": "$createdAt", "format": "%Y-%m"}},
                            "type": "$tokenType",
                        },
                        "tokens": {"$sum": tokens},
                    }
                },
            ],
        )
        months: dict[str, Document] = {}
        for row in rows:
            month = str(row["_id"].get("month"))
            figures = months.setdefault(month, {"month": month, "prompt": 0, "completion": 0})
            figures[str(row["_id"].get("type"))] = int(row["tokens"])
        return [months[month] for month in sorted(months, reverse=True)]

    def balances(self, number: int) -> list[Document]:
        """The smallest balances: id and address of the user, credits, and whether they fill up by themselves."""
        rows = self._aggregate(
            "balances",
            [
                {"$sort": {"tokenCredits": 1, "_id": 1}},
                {"$limit": number},
                {"$lookup": {"from": "users", "localField": "user", "foreignField": "_id", "as": "named"}},
                {"$set": {"email": {"$first": "$named.email"}}},
                {"$unset": "named"},
            ],
        )
        return [
            {
                "id": str(row.get("user")),
                "email": row.get("email"),
                "tokenCredits": row.get("tokenCredits"),
                "autoRefillEnabled": row.get("autoRefillEnabled") is True,
            }
            for row in rows
        ]

    def busiest(self, number: int) -> list[Document]:
        """The users with the most messages: id, address, messages, conversations, files and their bytes.

        Reads the index of messages by user, not the messages; the rest is looked up for these users only.
        """
        rows = self._aggregate(
            "messages",
            [
                {"$sort": {"user": 1}},
                {"$group": {"_id": "$user", "count": {"$sum": 1}}},
                {"$sort": {"count": -1, "_id": 1}},
                {"$limit": number},
            ],
        )
        return [self._figures(str(row["_id"]), row["count"]) for row in rows]

    def _figures(self, owner: str, messages: int) -> Document:
        identifier = ObjectId(owner) if ObjectId.is_valid(owner) else None
        mine = {"$match": {"user": identifier}}
        total = {"$group": {"_id": None, "count": {"$sum": 1}, "bytes": {"$sum": "$bytes"}}}
        files = self._aggregate("files", [mine, total])
        with translated():
            user = self._database.collection("users").find_one({"_id": identifier}, {"email": 1}) or {}
            conversations = self._database.collection("conversations").count_documents({"user": owner})
        return {
            "id": owner,
            "email": user.get("email"),
            "messages": messages,
            "conversations": conversations,
            "files": files[0]["count"] if files else 0,
            "fileBytes": files[0]["bytes"] if files else 0,
        }

    def _aggregate(self, name: str, pipeline: list[Document]) -> list[Document]:
        with translated():
            return list(self._database.collection_elsewhere(name).aggregate(pipeline, allowDiskUse=True))


SIZES = {"data": "dataSize", "storage": "storageSize", "indexes": "indexSize"}


def _latest(name: str, owner: str, field: str) -> list[Document]:
    """Steps that join each user with the last of the user's documents, which an index finds."""
    steps: list[Document] = [
        {"$match": {"$expr": {"$eq": ["$user", "$$owner"]}}},
        {"$sort": {field: -1}},
        {"$limit": 1},
        {"$project": {field: 1}},
    ]
    join = {"from": name, "let": {"owner": owner}, "pipeline": steps, "as": name}
    return [{"$lookup": join}, {"$set": {name: {"$first": f"${name}"}}}]


def _sum_since(moment: datetime) -> Document:
    # In MongoDB's order a date is above what is missing.
    return {"$sum": {"$cond": [{"$gte": ["$last", moment]}, 1, 0]}}
