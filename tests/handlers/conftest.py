"""What tests of handlers need besides a client: the database itself, to put in what other programs wrote."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from echo.settings import Settings
from tests.conftest import UserClient
from tests.support.clock import no_waiting_for_farewells
from tests.support.contract import ProjectChecker
from tests.support.two_factor import give_second_factor

Stored = MongoDatabase[dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def _accounts_go_at_once() -> Iterator[None]:
    with no_waiting_for_farewells():
        yield


@pytest.fixture(scope="session")
def stored(settings: Settings) -> Iterator[MongoDatabase[dict[str, Any]]]:
    """The application's database, for documents that no operation of ours would write."""
    with MongoClient[dict[str, Any]](str(settings.mongo_uri), tz_aware=True) as client:
        yield client.get_default_database()


@pytest.fixture(scope="session")
def contract_document(checker: ProjectChecker) -> dict[str, Any]:
    """openapi.json as it stands in the project."""
    return checker.document


@pytest.fixture
def guarded(ada: UserClient, stored: Stored) -> UserClient:
    """A user with a second factor as LibreChat made it."""
    give_second_factor(stored.users, ada.id)
    return ada
