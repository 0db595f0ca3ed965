"""All that is stored about a user, for the user: every collection that erasure knows, without what opens an account.

`SECRET` and `NOT_EXPORTED` say what is left out, and why; a test holds both against the lists of the erasure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bson import json_util

from storage.core.database import Database, Document
from storage.core.portions import Query, read_all
from storage.core.repository import owner_id
from storage.operator.erasure import OWNED, both_forms
from storage.operator.shared_resources import KINDS

# Fields by which somebody could come in, or that only a server can read: of no use to their owner.
SECRET: Mapping[str, tuple[str, ...]] = {
    "users": (
        *("password", "totpSecret", "backupCodes", "pendingTotpSecret", "pendingBackupCodes", "refreshToken"),
        *("openidTokens", "federatedTokens"),
    ),
    "sessions": ("refreshTokenHash",),
    "keys": ("value",),
    "agentapikeys": ("keyHash", "key"),
    "pluginauths": ("value",),
}
NOT_EXPORTED: Mapping[str, str] = {
    "tokens": "hashes of links that were sent by mail, good for an hour",
    "refreshtokenbridges": "secrets of sessions, good for a minute",
    "echo_mails": "mails that wait to be sent, of which you get each",
    "echo_used_codes": "hashes of codes, good for ten minutes",
    "echo_passkey_challenges": "random numbers, good for five minutes",
    "echo_run_pieces": "parts of answers while they are made: `messages` has the whole",
    "echo_runs": "answers while they are made: `messages` has them afterwards",
    "echo_search": "notes how far messages are indexed",
    "echo_search_parts": "which of the messages have which pieces of a text, made from the messages that you get",
    "echo_file_chunks": "parts of the texts of files, made from the files that you get",
    "echo_file_indexes": "notes which files have been taken apart",
    "agentqueuedturnsequences": "a counter",
    "agenttriggerlanesequences": "a counter",
    "agenttriggeruserpurges": "a note that an erasure has begun",
}


class AccountData:
    """Reads what is a user's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self) -> tuple[str, ...]:
        """The collections of the export, in its order."""
        owned = dict.fromkeys(each.collection for each in OWNED if each.collection not in NOT_EXPORTED)
        shared = (name for kind in KINDS for name in (kind.collection, *(part for part, _ in kind.parts)))
        return tuple(dict.fromkeys(("users", *owned, *shared, "groups")))

    def lines(self, owner: str, name: str) -> Iterator[bytes]:
        """The documents of a collection, each as a line of MongoDB's Extended JSON (relaxed, version 2)."""
        for document in self._documents(owner, name):
            yield json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS).encode() + b"\n"

    def files(self, owner: str) -> Iterator[Document]:
        """The records of what the user uploaded, as the file store knows records."""
        for record in self._documents(owner, "files"):
            yield {**record, "user": str(record.get("user"))}
        for record in self._documents(owner, "skillfiles"):
            yield {**record, "user": str(record.get("author")), "type": record.get("mimeType")}

    def _documents(self, owner: str, name: str) -> Iterator[Document]:
        hidden: dict[str, Any] = dict.fromkeys(SECRET.get(name, ()), 0)
        # Who else is in a group is not the user's.
        shown = {"name": 1, "description": 1, "source": 1} if name == "groups" else hidden
        with self._database.patiently():
            reading = read_all(
                self._database.collection(name), Query(self._wanted(owner, name), shown, [("_id", 1)])
            )
        yield from reading.documents()

    def _wanted(self, owner: str, name: str) -> Document:
        if name == "users":
            return {"_id": owner_id(owner)}
        if name == "groups":
            return {"memberIds": {"$in": both_forms(owner)}}
        filters = [each.filter(owner) for each in OWNED if each.collection == name]
        return {"$or": filters} if filters else {"author": owner_id(owner)}
