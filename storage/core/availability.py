"""Whether the deployment answers: once it is known not to, every operation fails at once instead of waiting too.

An operation that got no answer in time is no proof: it may have been a slow one. So a thread asks once more, with a
ping; operations that begin meanwhile wait for its verdict. If the ping fails too, the database is away, until one is
answered.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.errors import NetworkTimeout, PyMongoError, ServerSelectionTimeoutError

log = logging.getLogger(__name__)

# A server that is alive answers a ping in a millisecond, and on a machine that is very busy within this.
PING_SECONDS = 2.0
# Between two pings while it is away.
PAUSE_SECONDS = 0.5
# Between two attempts of the driver to commit, which it repeats without a pause until its time is over.
COMMIT_PAUSE_SECONDS = 0.1
COMMIT = "commitTransaction"


class DatabaseAway(ServerSelectionTimeoutError):
    """The operation was not sent: the database is known not to answer. The driver does not try again."""


class Availability:
    """What is known of one deployment; used by all threads of a process. A ping may take `ping_seconds`."""

    def __init__(self, ping_seconds: float = PING_SECONDS) -> None:
        self._ping_seconds = ping_seconds
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._verdict = threading.Event()
        self._closing = threading.Event()
        self._ping: Callable[[], object] | None = None
        self.away = False

    def ask_by(self, ping: Callable[[], object]) -> None:
        """Call this to find out; it raises `PyMongoError` where the deployment does not answer."""
        self._ping = ping

    def check(self) -> None:
        """Raise `DatabaseAway` if it is; waits while that is being found out."""
        asking = self._asking
        if asking is None or asking is threading.current_thread():
            return
        self._verdict.wait(2 * self._ping_seconds)
        if self.away:
            raise DatabaseAway("the database does not answer")

    def doubt(self) -> None:
        """Something was not answered in time: find out whether anything is."""
        with self._lock:
            if self._asking is not None or self._ping is None or self._closing.is_set():
                return
            self._verdict.clear()
            self._asking = threading.Thread(target=self._ask, name="echo-database-ping", daemon=True)
            self._asking.start()

    def close(self) -> None:
        """Ask no more."""
        self._closing.set()

    def _ask(self) -> None:
        try:
            while not self._closing.is_set() and not self._answers():
                if not self.away:
                    log.error("the database does not answer; requests that need it are refused")
                    self.away = True
                self._verdict.set()
                self._closing.wait(PAUSE_SECONDS)
            if self.away and not self._closing.is_set():
                log.warning("the database answers again")
        finally:
            with self._lock:
                self.away, self._asking = False, None
                self._verdict.set()

    def _answers(self) -> bool:
        try:
            with pymongo.timeout(self._ping_seconds):
                if self._ping:
                    self._ping()
        except PyMongoError:
            return False
        return True


class GuardedClient(MongoClient[dict[str, Any]]):
    """A client that asks `Availability` before it sends anything, and doubts the deployment where no answer came.

    Every operation, also of a library that was given this client, looks for its server in the one method that is
    overridden here, and tells the driver's view of the deployment what the network did to it. A listener of commands
    would be told as well, and of every one that succeeds: that costs a read 5 to 10 %. A command that the server
    itself has ended for taking too long has got its answer. `tests/storage/core/test_availability.py` fails when an
    upgrade moves either.
    """

    def __init__(self, *arguments: Any, availability: Availability, **options: Any) -> None:
        # Before anything else: the driver takes an attribute that is not there for the name of a database.
        self._availability = availability
        super().__init__(*arguments, **options)
        availability.ask_by(lambda: self.admin.command("ping", read_preference=self.read_preference))

    def _select_server(self, server_selector: Any, session: Any, operation: str, **options: Any) -> Any:  # type: ignore[override]
        try:
            self._availability.check()
        except DatabaseAway:
            if operation == COMMIT:
                time.sleep(COMMIT_PAUSE_SECONDS)
            raise
        try:
            return super()._select_server(server_selector, session, operation, **options)
        except ServerSelectionTimeoutError:
            self._availability.doubt()
            raise

    def _init_background(self, old_pid: int | None = None) -> None:
        super()._init_background(old_pid)
        topology, availability = self._topology, self._availability
        handle = topology.handle_error

        def noticed(address: Any, context: Any) -> None:
            if isinstance(context.error, NetworkTimeout):
                availability.doubt()
            handle(address, context)

        topology.handle_error = noticed  # type: ignore[method-assign, assignment]

    def close(self) -> None:
        """Close every connection, and ask no more. Not even to say goodbye is a server waited for that hangs."""
        with pymongo.timeout(PING_SECONDS):
            super().close()
        self._availability.close()
