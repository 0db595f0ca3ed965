"""One MongoDB deployment: the client with the guarantees that Echo needs, transactions, indexes."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.operations import IndexModel
from pymongo.uri_parser import parse_uri

from storage.commands import CommandWatch, Watcher
from storage.errors import Unavailable
from storage.translation import translated
from storage.uris import read_uri

log = logging.getLogger(__name__)

Document = dict[str, Any]
T = TypeVar("T")
DEFAULT_NAME = "LibreChat"
SELECTION_TIMEOUT = "serverSelectionTimeoutMS"
# MongoDB's codes for an index that exists with another name or with other options.
INDEX_CONFLICTS = {85, 86}
# MongoDB's code for an index that cannot be: on a sharded collection a unique one without the shard key first.
CANNOT_CREATE_INDEX = 67
# What tells one index from another, besides its keys; `background` and versions mean nothing any more.
INDEX_OPTIONS = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression", "collation")


class Database:
    """A database on a deployment. Not fork-safe: each process makes its own.

    Every write is journaled before it is acknowledged, whatever the URI says; on a replica set by the majority,
    unless the URI gives another `w`. Raises `Unavailable` for a URI that MongoDB's rules do not allow; nothing is
    contacted before the first call. `watchers` are told of every command.
    """

    def __init__(
        self, uri: str, *, app_name: str = "echo", timeout_ms: int = 5000, watchers: Sequence[Watcher] = ()
    ) -> None:
        self._client = connect(uri, app_name, timeout_ms, watchers)
        self._database = self._client.get_default_database(DEFAULT_NAME)
        self.name = self._database.name

    @property
    def client(self) -> MongoClient[Document]:
        """The driver's client, for a library that counts in this database too."""
        return self._client

    def collection(self, name: str) -> Collection[Document]:
        """A collection of this database."""
        return self._database[name]

    def ping(self) -> None:
        """Raise `Unavailable` unless the deployment answers."""
        with translated():
            self._client.admin.command("ping")

    def atomically(self, work: Callable[[ClientSession | None], T]) -> T:
        """Run writes that belong together: all are stored, or none.

        `work` gets the session that it must pass to each write, and may run again after a conflict with another
        writer. A single server has no transactions: there it gets None, and must order its writes so that a crash
        between them breaks nothing.
        """
        with translated():
            if not self._has_transactions:
                return work(None)
            with self._client.start_session() as session:
                return session.with_transaction(work)

    @cached_property
    def _has_transactions(self) -> bool:
        hello = self._client.admin.command("hello")
        return "setName" in hello or hello.get("msg") == "isdbgrid"

    def ensure_indexes(self, wanted: Mapping[str, Iterable[IndexModel]]) -> None:
        """Create the indexes that are not there, and drop none; several processes may do so at once.

        An equal one under another name serves as well. One with other options, documents that a unique one does not
        allow, and a sharding that does not, are left as they are, and logged. Raises `Unavailable`.
        """
        for name, models in wanted.items():
            for model in models:
                self._ensure_index(name, model)

    def _ensure_index(self, name: str, model: IndexModel) -> None:
        with translated():
            try:
                self._database[name].create_indexes([model])
            except DuplicateKeyError:
                # The error itself holds the values, which are none of a log's business.
                log.error("unique index %s.%s cannot be made: doubles exist", name, model.document["name"])
            except OperationFailure as error:
                if error.code == CANNOT_CREATE_INDEX:
                    log.warning("index %s.%s cannot be made here", name, model.document["name"])
                    return
                if error.code not in INDEX_CONFLICTS:
                    raise
                if not self._has_equal_index(name, model.document):
                    log.warning("index %s.%s exists with other options", name, model.document["name"])

    def _has_equal_index(self, name: str, wanted: Mapping[str, Any]) -> bool:
        shapes = (index_shape(existing) for existing in self._database[name].list_indexes())
        return index_shape(wanted) in shapes

    def close(self) -> None:
        """Close every connection."""
        self._client.close()


def connect(
    uri: str, app_name: str, timeout_ms: int, watchers: Sequence[Watcher] = ()
) -> MongoClient[Document]:
    """A client with Echo's guarantees; raises `Unavailable` for an impossible URI.

    Options that the driver does not know have no effect.
    """
    uri = read_uri(uri).text
    try:
        with translated():
            options = parse_uri(uri)["options"]
            patience: dict[str, Any] = {} if SELECTION_TIMEOUT in options else {SELECTION_TIMEOUT: timeout_ms}
            return MongoClient(
                uri,
                appname=app_name,
                tz_aware=True,
                uuidRepresentation="standard",
                # `w=0` asks for no acknowledgement at all. A single server takes "majority" as itself.
                w=options.get("w") or "majority",
                journal=True,
                event_listeners=[CommandWatch(watchers)] if watchers else [],
                **patience,
            )
    except ValueError as error:
        raise Unavailable(str(error)) from error


def index_shape(index: Mapping[str, Any]) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """What makes two indexes equal whatever their names."""
    options = {name: index.get(name) for name in INDEX_OPTIONS}
    return list(index["key"].items()), {
        name: value for name, value in options.items() if value is not None and value is not False
    }
