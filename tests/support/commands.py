"""What a repository asks of MongoDB, command by command."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pymongo import monitoring

from storage.core.database import Database
from tests.support.database import PreparedDatabase


class CommandNotes(monitoring.CommandListener):
    """Notes commands as they are sent: what of them, each kind says by its `started`."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing is noted of it."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nor of this."""


@contextmanager
def watched_by(notes: CommandNotes, prepared: PreparedDatabase) -> Iterator[Database]:
    """Another client of a test's database, whose commands are noted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storage.core.database.CommandWatch", lambda _: notes)
        database = Database(prepared.uri, watchers=[lambda _: lambda *_: None])
    try:
        yield database
    finally:
        database.close()
