"""How long an operation may take, as it asks the database for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storage.core.database import Database


@contextmanager
def noted_seconds(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float | None]]:
    """The seconds that each `atomically` of the block was given."""
    noted: list[float | None] = []
    atomically = database.atomically

    def noting(work: Callable[[Any], Any], *, seconds: float | None = None) -> Any:
        noted.append(seconds)
        return atomically(work, seconds=seconds)

    with monkeypatch.context() as patched:
        patched.setattr(database, "atomically", noting)
        yield noted
