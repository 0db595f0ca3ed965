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
from pymongo import MongoClient, monitoring
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError

log = logging.getLogger(__name__)

# A server that is alive answers a ping in a millisecond, and on a machine that is very busy within this.
PING_SECONDS = 2.0
# Between two pings while it is away.
PAUSE_SECONDS = 0.5
# Between two attempts of the driver to commit, which it repeats without a pause until its time is over.
COMMIT_PAUSE_SECONDS = 0.1
COMMIT = "commitTransaction"
# The class of what is raised where a socket says nothing in time, before and after the driver has made it its own.
TIMEOUTS = {"TimeoutError", "NetworkTimeout"}


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
            if self.away:
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


class Unanswered(monitoring.CommandListener):
    """Doubts the deployment for each command that got no answer in time.

    A command that the server itself has ended for taking too long has got its answer.
    """

    def __init__(self, availability: Availability) -> None:
        self._availability = availability

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Nothing is known yet."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """That is as it should be."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """The driver names the class of an error that the server did not send."""
        if event.failure.get("errtype") in TIMEOUTS:
            self._availability.doubt()


class GuardedClient(MongoClient[dict[str, Any]]):
    """A client that asks `Availability` before it sends anything.

    Every operation, also of a library that was given this client, looks for its server in the one method that is
    overridden here. `tests/storage/core/test_availability.py` fails when an upgrade moves it.
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

    def close(self) -> None:
        """Close every connection, and ask no more. Not even to say goodbye is a server waited for that hangs."""
        with pymongo.timeout(PING_SECONDS):
            super().close()
        self._availability.close()
