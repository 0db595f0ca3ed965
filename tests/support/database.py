"""Fresh databases on the deployment under test."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase
from pymongo.uri_parser import parse_uri

from storage.core.database import Database
from storage.operator.indexes import ensure_indexes

# The database of a whole run takes a tenth of it.
MEMORY_BYTES = 4_000_000_000


def in_memory() -> Path | None:
    """Where files are kept in memory, if there is room: a disk takes four times as long to make an index."""
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)):
        return None
    return memory if shutil.disk_usage(memory).free > MEMORY_BYTES else None


def keep_what_is_over(uri: str) -> None:
    """Let a server of the tests' own not delete by itself, once a minute, what is over: tests look at it."""
    with MongoClient(uri) as client:
        client.admin.command("setParameter", 1, ttlMonitorEnabled=False)


@contextmanager
def named_database(uri: str, prefix: str) -> Iterator[str]:
    """The URI of a new, empty database on the server of `uri`; dropped at the end."""
    name = f"{prefix}_{secrets.token_hex(4)}"
    yield with_database(uri, name)
    with MongoClient(uri) as client:
        client.drop_database(name)


class PreparedDatabase:
    """A database as `echo-api serve` prepares it, for one test after the other.

    To make the indexes takes longer than most tests, so each test finds those of the one before, and no document.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._prepare()
        # For all tests: to connect costs as much as to clear.
        self._client = MongoClient[dict[str, Any]](uri)
        self._shapes = shapes(self._client.get_default_database())

    def clear(self) -> None:
        """Take away every document, and whatever else a test has changed."""
        database = self._client.get_default_database()
        found = shapes(database)
        for name, shape in found.items():
            if shape != self._shapes.get(name):
                database.drop_collection(name)
        for name in with_documents(database, sorted(found)):
            database[name].delete_many({})
            # What the planner has learned of one test's documents says nothing about the next one's.
            database.command("planCacheClear", name)
        if any(found.get(name) != shape for name, shape in self._shapes.items()):
            self._prepare()

    def close(self) -> None:
        self._client.close()

    def _prepare(self) -> None:
        database = Database(self.uri)
        ensure_indexes(database)
        database.close()


def shapes(database: MongoDatabase[dict[str, Any]]) -> dict[str, Any]:
    """Of each collection, its options and its indexes: in one question, which forty cost a tenth of a second."""
    catalog = database.client.admin.aggregate([{"$listCatalog": {}}, {"$match": {"db": database.name}}])
    return {each["name"]: shape(each) for each in catalog if not each["name"].startswith("system.")}


def shape(entry: dict[str, Any]) -> Any:
    """What of a collection's entry in the catalog no document changes, and no other making of it."""
    if entry["type"] != "collection":
        return entry["type"]
    options = {name: value for name, value in entry["md"]["options"].items() if name != "uuid"}
    return options, {each["spec"]["name"]: each["spec"] for each in entry["md"]["indexes"]}


def with_documents(database: MongoDatabase[dict[str, Any]], names: list[str]) -> list[str]:
    """Those of the collections that have any, in one question too."""
    one = {name: [{"$limit": 1}, {"$project": {"_id": 0, "name": {"$literal": name}}}] for name in names}
    others = [{"$unionWith": {"coll": name, "pipeline": one[name]}} for name in names[1:]]
    return [each["name"] for each in database[names[0]].aggregate([*one[names[0]], *others])]


def with_database(uri: str, name: str) -> str:
    """The same deployment, another database."""
    parse_uri(uri)
    scheme, _, rest = uri.partition("://")
    hosts, _, path = rest.partition("/")
    query = path.partition("?")[2]
    return f"{scheme}://{hosts}/{name}{'?' + query if query else ''}"
