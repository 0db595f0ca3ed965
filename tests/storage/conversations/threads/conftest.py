"""Every test of `storage.conversations.threads` runs with transactions and without."""

from collections.abc import Iterator

import pytest

from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.embedded.binary import EmbeddedUnavailable
from tests.support.chats import (
    shared_database,
)
from tests.support.single_server import single_server


@pytest.fixture(scope="package", params=["deployment", "single server"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "deployment":
        with shared_database(request.getfixturevalue("mongo_uri")) as database:
            yield database
        return
    try:
        with single_server() as uri, shared_database(uri) as database:
            yield database
    except EmbeddedUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def threads(database: Database) -> ThreadRepository:
    return ThreadRepository(database)
