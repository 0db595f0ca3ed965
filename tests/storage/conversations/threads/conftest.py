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
def server_uri(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "deployment":
        yield request.getfixturevalue("mongo_uri")
        return
    try:
        with single_server() as uri:
            yield uri
    except EmbeddedUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="package")
def database(server_uri: str) -> Iterator[Database]:
    with shared_database(server_uri) as database:
        yield database


@pytest.fixture
def threads(database: Database) -> ThreadRepository:
    return ThreadRepository(database)
