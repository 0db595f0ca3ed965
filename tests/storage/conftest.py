"""A database without documents for each test, on the deployment of this run, and two owners."""

from collections.abc import Iterator

import pytest

from storage.core.database import Database
from tests.support.chats import new_owner
from tests.support.database import named_database


@pytest.fixture
def empty_database(mongo_uri: str) -> Iterator[Database]:
    """A database with nothing in it, not even indexes."""
    with named_database(mongo_uri, "echo_storage") as uri:
        database = Database(uri)
        yield database
        database.close()


@pytest.fixture
def ada() -> str:
    """An owner with nothing yet."""
    return new_owner()


@pytest.fixture
def bob() -> str:
    """Another one."""
    return new_owner()
