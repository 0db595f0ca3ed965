"""One MongoDB deployment: the client with the guarantees that Echo needs, transactions, indexes."""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import OperationFailure
from pymongo.operations import IndexModel
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from storage.translation import translated

log = logging.getLogger(__name__)

Document = dict[str, Any]
T = TypeVar("T")
DEFAULT_NAME = "LibreChat"
# MongoDB's codes for an index that exists with another name or other options.
INDEX_CONFLICTS = {85, 86}


class Database:
    """A database on a deployment. Not fork-safe: each process makes its own.

    Every write is journaled before it is acknowledged, whatever the URI says; on a replica set, by the majority.
    """

    def __init__(self, uri: str, *, app_name: str = "echo", timeout_ms: int = 5000) -> None:
        options = parse_uri(uri)["options"]
        self._client: MongoClient[Document] = MongoClient(
            uri,
            appname=app_name,
            tz_aware=True,
            serverSelectionTimeoutMS=options.get("serverselectiontimeoutms", timeout_ms),
            journal=True,
        )
        self.name = parse_uri(uri)["database"] or DEFAULT_NAME
        concern = self._client.write_concern.document | {"j": True}
        self._database = self._client.get_database(self.name, write_concern=WriteConcern(**concern))

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
        """Create the indexes that are not there. An existing one with other options is left as it is, and logged."""
        for name, models in wanted.items():
            for model in models:
                self._ensure_index(name, model)

    def _ensure_index(self, name: str, model: IndexModel) -> None:
        with translated():
            try:
                self._database[name].create_indexes([model])
            except OperationFailure as error:
                if error.code not in INDEX_CONFLICTS:
                    raise
                log.warning("index %s.%s exists with other options", name, model.document["name"])

    def close(self) -> None:
        """Close every connection."""
        self._client.close()
