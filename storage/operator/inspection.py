"""What a deployment is and whether it does what Echo asks of it, for `echo-api check`. Nothing is changed."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.errors import ConfigurationError, OperationFailure
from pymongo.uri_parser import parse_uri

from storage.core.database import Database, Document
from storage.core.errors import StorageError
from storage.core.translation import translated
from storage.core.uris import read_uri

WRITE_TIMEOUT_MS = 5000
COUNT_TIMEOUT_MS = 5000
UNAUTHORIZED = 13


class WriteRefused(StorageError):
    """A write with Echo's write concern does not go through; the text says why."""


@dataclass(frozen=True)
class Deployment:
    """What answers: `kind` is "single server", "replica set" or "sharded cluster".

    `clock_seconds` is how far its clock is ahead of ours.
    """

    version: str
    kind: str
    clock_seconds: float

    @property
    def major(self) -> int:
        """The first part of the version."""
        return int(self.version.partition(".")[0])

    @property
    def has_transactions(self) -> bool:
        """Whether writes that belong together are stored together."""
        return self.kind != "single server"


def inspect(database: Database) -> Deployment:
    """Look at the deployment, and read from the database; raises `Unavailable`, or its `AccessDenied`."""
    with translated():
        hello = database.client.admin.command("hello")
        ours = time.time()
        database.collection("users").find_one({}, {"_id": 1})
        version = database.client.server_info()["version"]
    theirs = hello.get("localTime")
    ahead = theirs.replace(tzinfo=UTC).timestamp() - ours if isinstance(theirs, datetime) else 0.0
    return Deployment(version, _kind(hello), ahead)


def _kind(hello: Document) -> str:
    if hello.get("msg") == "isdbgrid":
        return "sharded cluster"
    return "replica set" if "setName" in hello else "single server"


def count_second_factors(database: Database, *, most: int) -> int:
    """How many accounts have a second factor, counted up to `most`; raises `Unavailable`."""
    with translated():
        users = database.collection("users")
        return users.count_documents({"twoFactorEnabled": True}, limit=most, maxTimeMS=COUNT_TIMEOUT_MS)


def check_writes(database: Database) -> None:
    """Ask for a write as Echo asks for all of them, of a document that does not exist; raises `WriteRefused`."""
    collection = database.collection("echo_claims")
    concern = WriteConcern(**{**collection.write_concern.document, "wtimeout": WRITE_TIMEOUT_MS})
    try:
        with translated():
            collection.with_options(write_concern=concern).delete_one({"_id": ObjectId()})
    except OperationFailure as error:
        raise WriteRefused(_refusal(error)) from error
    except StorageError as error:
        cause = error.__cause__
        if isinstance(cause, OperationFailure):
            raise WriteRefused(_refusal(cause)) from error
        raise WriteRefused("it was not acknowledged in time") from error


def _refusal(error: OperationFailure) -> str:
    if error.code == UNAUTHORIZED:
        return "the user may only read"
    name = (error.details or {}).get("codeName")
    return f"the server answers {name or error.code}"


def hosts_of(uri: str) -> str:
    """Where a URI points, without user and password; empty where that cannot be told for certain."""
    authority, _, tail = uri.partition("//")[2].partition("/")
    if "@" in tail.partition("?")[0]:
        # A password with a slash in it, which may well begin before that slash.
        return ""
    if uri.startswith("mongodb+srv://"):
        # `parse_uri` would ask a name server.
        return authority.rpartition("@")[2].partition("?")[0]
    try:
        nodes = parse_uri(read_uri(uri).text, warn=False)["nodelist"]
    except (ConfigurationError, ValueError, StorageError):
        return ""
    return ", ".join(host if port is None else f"{host}:{port}" for host, port in nodes)
