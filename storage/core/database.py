"""One MongoDB deployment: the client with the guarantees that Echo needs, transactions, indexes."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, TypeVar

import pymongo
from pymongo import MongoClient, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database as MongoDatabase
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.operations import IndexModel
from pymongo.read_preferences import Primary
from pymongo.uri_parser import parse_uri

from storage.core.availability import PING_SECONDS, Availability, GuardedClient
from storage.core.commands import CommandWatch, Watcher
from storage.core.errors import Unavailable
from storage.core.finding import QuickCollection
from storage.core.lines import Line
from storage.core.members import ReadPreference, at_each_member, chosen, read_preference
from storage.core.sockets import PlainPool
from storage.core.translation import translated
from storage.core.uris import read_uri

log = logging.getLogger(__name__)

Document = dict[str, Any]
T = TypeVar("T")
DEFAULT_NAME = "LibreChat"
SELECTION_TIMEOUT, CONNECT_TIMEOUT = "serverSelectionTimeoutMS", "connectTimeoutMS"
OPERATION_TIMEOUT, SOCKET_TIMEOUT = "timeoutMS", "socketTimeoutMS"
# For what works through all of a conversation or an account, however short the time of other operations is. MongoDB
# itself ends a transaction after a minute.
PATIENT_SECONDS = 60.0
# MongoDB's codes for an index that exists with another name or with other options.
INDEX_CONFLICTS = {85, 86}
# MongoDB's code for an index that cannot be: on a sharded collection a unique one without the shard key first.
CANNOT_CREATE_INDEX = 67
NO_INDEX = {*INDEX_CONFLICTS, CANNOT_CREATE_INDEX}
# What tells one index from another, besides its keys; `background` and versions mean nothing any more.
INDEX_OPTIONS = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression", "collation")


class Database:
    """A database on a deployment. Not fork-safe: each process makes its own.

    Every write is journaled before it is acknowledged, whatever the URI says; on a replica set by the majority,
    unless the URI gives another `w`. Those of `unhurried` are not. Raises `Unavailable` for a URI that MongoDB's
    rules do not allow; nothing is contacted before the first call. `watchers` are told of every command.

    Every read is of the primary: what a user has just written, a session that has ended, a limit, a balance, and all
    that a transaction reads must not be of a moment ago. Where the URI names another `readPreference`, it is for
    `collection_elsewhere`.

    A server is looked for during `timeout_ms`. With `seconds` every operation ends within them, retries and all, or
    raises `Unavailable`; and once the database is known not to answer, each does so at once (see
    `storage.core.availability`). What times the URI itself gives are kept. Without, an operation takes what it takes.
    """

    def __init__(
        self,
        uri: str,
        *,
        app_name: str = "echo",
        timeout_ms: int = 5000,
        seconds: float | None = None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self._client, self._elsewhere = connect(uri, app_name, timeout_ms, seconds, watchers)
        self._database = self._client.get_default_database(DEFAULT_NAME)
        self.name = self._database.name

    @property
    def client(self) -> MongoClient[Document]:
        """The driver's client, for a library that counts in this database too."""
        return self._client

    @property
    def unhurried(self) -> MongoDatabase[Document]:
        """The driver's database, for counts that may be lost when MongoDB itself crashes.

        A write there waits neither for the journal nor for other members.
        """
        return self._client.get_database(self.name, write_concern=WriteConcern(w=1, j=False))

    def collection(self, name: str) -> Collection[Document]:
        """A collection of this database."""
        return QuickCollection(self._database, name)

    def collection_elsewhere(self, name: str) -> Collection[Document]:
        """The same collection for long reads, which go where the URI's `readPreference` says, if it has one.

        A member may be behind. In a session of `session_from_now` it is read once it has caught up.
        """
        collection = self.collection(name)
        return collection.with_options(read_preference=self._elsewhere) if self._elsewhere else collection

    def line(self) -> Line:
        """One connection for a few commands in a row, to be given back at the end of its `with`."""
        return Line(self._client)

    @contextmanager
    def session_from_now(self) -> Iterator[ClientSession]:
        """A session in which every member shows at least what was acknowledged before it began."""
        with self._client.start_session(causal_consistency=self._elsewhere is not None) as session:
            if self._elsewhere:
                # The answer says how far the primary is; a member that is behind waits until it is there too.
                self._client.admin.command("ping", session=session)
            yield session

    def kill(self, session: ClientSession) -> None:
        """End what runs in a session, on whichever member it does. Raises `Unavailable`."""
        with translated():
            if self._elsewhere:
                at_each_member(self._client, "killSessions", [session.session_id])
            else:
                self._client.admin.command("killSessions", [session.session_id])

    def ping(self, seconds: float | None = None) -> None:
        """Raise `Unavailable` unless the deployment answers, within so many seconds."""
        with translated(), pymongo.timeout(seconds) if seconds else nullcontext():
            self._client.admin.command("ping")

    def patiently(self) -> AbstractContextManager[object]:
        """For operations that take long by nature: all within the context together have `PATIENT_SECONDS`.

        Or as long as any operation has, where that is longer.
        """
        seconds = self._client.options.timeout
        return pymongo.timeout(max(seconds, PATIENT_SECONDS)) if seconds else nullcontext()

    def atomically(self, work: Callable[[ClientSession | None], T], *, seconds: float | None = None) -> T:
        """Run writes that belong together: all are stored, or none.

        `work` gets the session that it must pass to each write, and may run again after a conflict with another
        writer. A single server has no transactions: there it gets None, and must order its writes so that a crash
        between them breaks nothing. All of it has the time of one operation, or so many `seconds` if that is longer.
        """
        usual = self._client.options.timeout
        limit = pymongo.timeout(max(usual, seconds or 0.0)) if usual else nullcontext()
        with translated(), limit:
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
            together = list(models)
            if together and not self._create_indexes(name, together):
                for model in together:
                    self._ensure_index(name, model)

    def _create_indexes(self, name: str, models: list[IndexModel]) -> bool:
        """Whether MongoDB has them all now: it makes those of one command together, or none of them."""
        with translated():
            try:
                self._database[name].create_indexes(models)
            except DuplicateKeyError:
                return False
            except OperationFailure as error:
                if error.code in NO_INDEX:
                    return False
                raise
        return True

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
    uri: str, app_name: str, timeout_ms: int, seconds: float | None, watchers: Sequence[Watcher] = ()
) -> tuple[MongoClient[Document], ReadPreference | None]:
    """A client with Echo's guarantees, and which members the URI wants to be read; None for the primary alone.

    Options that the driver does not know have no effect. Raises `Unavailable` for an impossible URI.
    """
    uri = read_uri(uri).text
    listeners: list[Any] = [CommandWatch(watchers)] if watchers else []
    try:
        with translated():
            options = parse_uri(uri)["options"]
            elsewhere = read_preference(uri, options)
            wanted: dict[str, Any] = {
                "appname": app_name,
                "tz_aware": True,
                "uuidRepresentation": "standard",
                # `w=0` asks for no acknowledgement at all. A single server takes "majority" as itself.
                "w": options.get("w") or "majority",
                "journal": True,
                "_pool_class": PlainPool,
                "read_preference": Primary(),
                **({"server_selector": chosen} if elsewhere else {}),
                **times(options, timeout_ms, seconds),
            }
            if seconds is None:
                return MongoClient(uri, event_listeners=listeners, **wanted), elsewhere
            availability = Availability(min(seconds, PING_SECONDS))
            return GuardedClient(
                uri, availability=availability, event_listeners=listeners, **wanted
            ), elsewhere
    except ValueError as error:
        raise Unavailable(str(error)) from error


def times(options: Mapping[str, Any], timeout_ms: int, seconds: float | None) -> dict[str, float]:
    """The times that a URI with these options leaves to us, in milliseconds."""
    # The driver changes the case of some.
    given = {name.casefold() for name in options}
    limit = None if seconds is None else seconds * 1000
    wanted: dict[str, float] = {SELECTION_TIMEOUT: timeout_ms if limit is None else min(timeout_ms, limit)}
    if limit is not None:
        wanted[CONNECT_TIMEOUT] = min(timeout_ms, limit)
        # The driver takes no notice of the older option where it has this one.
        if SOCKET_TIMEOUT.casefold() not in given:
            wanted[OPERATION_TIMEOUT] = limit
    return {name: value for name, value in wanted.items() if name.casefold() not in given}


def index_shape(index: Mapping[str, Any]) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """What makes two indexes equal whatever their names."""
    options = {name: index.get(name) for name in INDEX_OPTIONS}
    return list(index["key"].items()), {
        name: value for name, value in options.items() if value is not None and value is not False
    }
