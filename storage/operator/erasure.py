"""Removing all that is a user's, in every collection of LibreChat's and of Echo's.

`OWNED` is the list: a part of Echo that keeps documents of users in a collection of its own adds a line.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo.client_session import ClientSession

from storage.accounts.bans import bans_of
from storage.agents.agents import AgentRepository
from storage.conversations.deletions import CHECKPOINTS
from storage.core.database import Database, Document
from storage.core.repository import owner_id
from storage.core.translation import translated
from storage.operator.shared_resources import SharedResources

# Where LibreChat has files that are on its disk, or in the database.
LOCAL = ("local", "text")
TEXT, ID, MIXED = "text", "id", "mixed"
BATCH = 1000


@dataclass(frozen=True)
class Owned:
    """A collection whose documents belong to the user in `field`: as text, as ObjectId, or as either ("mixed")."""

    collection: str
    field: str
    kind: str

    def filter(self, owner: str) -> Document:
        """The documents of a user."""
        forms: dict[str, Any] = {TEXT: owner, ID: owner_id(owner), MIXED: {"$in": both_forms(owner)}}
        return {self.field: forms[self.kind]}


# Owner fields as in LibreChat's models (@librechat/data-schemas 0.0.71), and as in a database that it wrote.
# Sessions come first: who cannot come back makes nothing new. Agents, prompts, skills and MCP servers, which can be
# shared, are in `storage/operator/shared_resources.py`; `tokens` by address, `logs` and `users` are below.
OWNED: tuple[Owned, ...] = (
    Owned("sessions", "user", ID),
    Owned("refreshtokenbridges", "userId", TEXT),
    Owned("tokens", "userId", ID),
    Owned("echo_used_codes", "user", ID),
    Owned("echo_passkeys", "user", ID),
    Owned("echo_passkey_challenges", "user", ID),
    Owned("echo_violations", "user", ID),
    Owned("echo_mails", "owner", TEXT),
    Owned("keys", "userId", ID),
    Owned("agentapikeys", "userId", ID),
    Owned("pluginauths", "userId", TEXT),
    Owned("echo_mcp_logins", "user", TEXT),
    Owned("echo_renewals", "user", TEXT),
    Owned("echo_openid_tokens", "user", ID),
    Owned("echo_mcp_states", "user", TEXT),
    Owned("schedules", "user", ID),
    Owned("scheduleruns", "user", ID),
    Owned("agentqueuedturns", "user", ID),
    Owned("agentqueuedturnsequences", "user", ID),
    Owned("agenttriggerdeliveries", "user", ID),
    Owned("agenttriggerlanesequences", "user", ID),
    Owned("agenttriggeruserpurges", "_id", ID),
    Owned("echo_run_pieces", "user", TEXT),
    Owned("echo_runs", "user", TEXT),
    Owned("echo_responses", "user", TEXT),
    Owned("sharedlinks", "user", TEXT),
    Owned("messages", "user", TEXT),
    # After the messages: who takes them up looks afterwards whether there are any.
    Owned("echo_search", "user", TEXT),
    Owned("echo_search_parts", "user", TEXT),
    Owned("conversations", "user", TEXT),
    Owned("conversationtags", "user", TEXT),
    Owned("chatprojects", "user", TEXT),
    Owned("presets", "user", TEXT),
    Owned("toolcalls", "user", ID),
    Owned("toolfavorites", "user", ID),
    Owned("memoryentries", "userId", ID),
    Owned("echo_file_indexes", "user", ID),
    Owned("echo_file_chunks", "user", ID),
    Owned("files", "user", ID),
    Owned("assistants", "user", ID),
    Owned("actions", "user", ID),
    Owned("codeenvironments", "createdBy", ID),
    Owned("balances", "user", ID),
    Owned("transactions", "user", ID),
    Owned("configs", "principalId", MIXED),
    Owned("systemgrants", "principalId", MIXED),
    Owned("aclentries", "principalId", MIXED),
)
# What is somebody else's, and only says that the user once did something to it: the field goes, the document stays.
MENTIONS: tuple[tuple[str, str], ...] = (
    ("aclentries", "grantedBy"),
    ("systemgrants", "grantedBy"),
    ("skillsynccredentials", "createdBy"),
    ("skillsynccredentials", "updatedBy"),
)
# What others may be let in to, and what their grants call it: those go with it.
GRANTED = {"sharedlinks": "sharedLink", "codeenvironments": "codeEnvironment"}
# What is found by the user's address alone.
OF_ADDRESS = (("tokens", "email"), ("echo_mails", "to"))
# Kept by LibreChat as proof of what administrators did: each entry holds the hash of the one before it.
KEPT = ("auditlogs",)


class Erasure:
    """Removes what is a user's. Every step can be repeated, so an erasure that was cut short is run again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared = SharedResources(database)
        self._agents = AgentRepository(database)

    def count(self, owner: str) -> Counter[str]:
        """How many documents of a user there are, by collection, without the user's own."""
        found: Counter[str] = Counter()
        with translated():
            for owned in OWNED:
                documents = self._database.collection(owned.collection)
                found[owned.collection] += documents.count_documents(owned.filter(owner))
            found += self._shared.count(owner)
        return +found

    def elsewhere(self, owner: str, reached: Iterable[str] = ()) -> int:
        """How many files of a user's are with a service that Echo does not reach, and so stay there."""
        with translated():
            files = self._database.collection("files")
            return files.count_documents(
                {"user": owner_id(owner), "source": {"$nin": [*LOCAL, *reached, None]}}
            )

    def sweep(self, owner: str) -> Counter[str]:
        """Remove everything but the user and a ban; how many documents went or were changed, by collection.

        What depends on something else goes before it: after a crash nothing is left that a second run cannot find.
        """
        gone: Counter[str] = Counter()
        with translated():
            self._remove_checkpoints(owner, gone)
            self._remove_grants(owner, gone)
            gone += self._shared.remove(owner)
            for ids in self._batches("files", {"user": owner_id(owner)}, "file_id"):
                gone["agents"] += self._agents.forget_files(owner, [each for each in ids if each])
            for owned in OWNED:
                documents = self._database.collection(owned.collection)
                gone[owned.collection] += documents.delete_many(owned.filter(owner)).deleted_count
            self._leave_groups(owner, gone)
            self._forget_mentions(owner, gone)
        return +gone

    def finish(self, owner: str) -> Counter[str]:
        """Remove the user, what is found by the user's address, and a ban: in one transaction where there are any."""

        def remove(session: ClientSession | None) -> Counter[str]:
            collection = self._database.collection
            gone: Counter[str] = Counter()
            user = collection("users").find_one({"_id": owner_id(owner)}, {"email": 1}, session=session)
            if user and isinstance(user.get("email"), str):
                for name, field in OF_ADDRESS:
                    found = collection(name).delete_many({field: user["email"]}, session=session)
                    gone[name] += found.deleted_count
            # Without transactions the user is the last to go: a second run must find them.
            collection("logs").delete_many(bans_of(owner), session=session)
            found = collection("users").delete_one({"_id": owner_id(owner)}, session=session)
            gone["users"] += found.deleted_count
            return +gone

        return self._database.atomically(remove)

    def _remove_checkpoints(self, owner: str, gone: Counter[str]) -> None:
        for ids in self._batches("conversations", {"user": owner}, "conversationId"):
            for name in CHECKPOINTS:
                found = self._database.collection(name).delete_many({"thread_id": {"$in": ids}})
                gone[name] += found.deleted_count

    def _remove_grants(self, owner: str, gone: Counter[str]) -> None:
        for owned in OWNED:
            if kind := GRANTED.get(owned.collection):
                for ids in self._batches(owned.collection, owned.filter(owner), "_id"):
                    grants = {"resourceType": kind, "resourceId": {"$in": ids}}
                    gone["aclentries"] += (
                        self._database.collection("aclentries").delete_many(grants).deleted_count
                    )

    def _leave_groups(self, owner: str, gone: Counter[str]) -> None:
        forms = {"$in": [*both_forms(owner), *self._names_elsewhere(owner)]}
        groups = self._database.collection("groups")
        found = groups.update_many({"memberIds": forms}, {"$pull": {"memberIds": forms}})
        gone["groups"] += found.modified_count

    def _names_elsewhere(self, owner: str) -> list[str]:
        """The id at a directory such as Entra's, by which groups name their members; none that another user has."""
        users = self._database.collection("users")
        user = users.find_one({"_id": owner_id(owner)}, {"idOnTheSource": 1}) or {}
        name = user.get("idOnTheSource")
        if not isinstance(name, str) or users.find_one(
            {"idOnTheSource": name, "_id": {"$ne": owner_id(owner)}}, {"_id": 1}
        ):
            return []
        return [name]

    def _forget_mentions(self, owner: str, gone: Counter[str]) -> None:
        forms = {"$in": both_forms(owner)}
        for name, field in MENTIONS:
            found = self._database.collection(name).update_many({field: forms}, {"$unset": {field: ""}})
            gone[name] += found.modified_count

    def _batches(self, name: str, query: Document, field: str) -> Iterator[list[Any]]:
        batch: list[Any] = []
        for document in self._database.collection(name).find(query, {field: 1}):
            batch.append(document.get(field))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def both_forms(owner: str) -> list[str | ObjectId]:
    """A user's id as text and as ObjectId."""
    return [owner, owner_id(owner)]
