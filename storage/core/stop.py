"""Ending a query that takes too long, or that nobody waits for any more."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError

from storage.core.database import Database
from storage.core.errors import TookTooLong, Unavailable


class Stop:
    """Ends the queries of one errand: once its seconds are over, or when another thread says so.

    MongoDB is told: a query has a time limit there (`maxTimeMS`), and a session of its own, which every user may
    kill without a right beyond those of reading, on a single server, a replica set or a sharded cluster.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._told = False
        # Held while a session is killed: once it is given back to the driver it may be another query's.
        self._lock = threading.Lock()
        self._under_way: tuple[Database, ClientSession] | None = None

    def tell(self) -> None:
        """End what is under way. A query that is only on its way to MongoDB is met by telling once more.

        Raises `Unavailable`.
        """
        self._told = True
        with self._lock:
            if self._under_way:
                database, session = self._under_way
                database.kill(session)

    def check(self) -> None:
        """Raise `TookTooLong` if the time is over, or if told."""
        if self._told or time.monotonic() >= self._end:
            raise TookTooLong

    @contextmanager
    def over(self, database: Database) -> Iterator[ClientSession]:
        """The session for queries that can be ended; raises `TookTooLong` when they are, or take too long."""
        self.check()
        with database.session_from_now() as session:
            self._under_way = (database, session)
            try:
                with pymongo.timeout(max(0.001, self._end - time.monotonic())):
                    yield session
            except (Unavailable, OperationFailure) as error:
                if self._told or _took_too_long(error):
                    raise TookTooLong from error
                raise
            finally:
                with self._lock:
                    self._under_way = None


def _took_too_long(error: BaseException) -> bool:
    cause = error.__cause__ if isinstance(error, Unavailable) else error
    # A deployment in which no server is found is away; it is no question of the query.
    away = isinstance(cause, ServerSelectionTimeoutError)
    return isinstance(cause, PyMongoError) and cause.timeout and not away
