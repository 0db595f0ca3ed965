"""What a repository asks of MongoDB, command by command."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pymongo import monitoring

from storage.core.database import Database
from tests.support.database import PreparedDatabase


class Noted(monitoring.CommandListener):
    """A database, and what is done in it to which collection."""

    database: Database

    def __init__(self) -> None:
        self.commands: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        named = event.command.get(event.command_name)
        if isinstance(named, str):
            self.commands.append(f"{event.command_name} {named}")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing is noted of it."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nor of this."""


@contextmanager
def noting(prepared: PreparedDatabase) -> Iterator[Noted]:
    """Another client of a test's database, whose commands are noted."""
    noted = Noted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storage.core.database.CommandWatch", lambda _: noted)
        noted.database = Database(prepared.uri, watchers=[lambda _: lambda *_: None])
    try:
        yield noted
    finally:
        noted.database.close()
