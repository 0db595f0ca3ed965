"""An Echo in which agents are talked with: its only provider is a small server on loopback."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from starlette.testclient import TestClient

from echo.access import remembered
from echo.app import Application, assemble
from echo.services import Services
from tests.conftest import make_settings
from tests.support.asgi import QuickClient
from tests.support.providers import ProviderServer, Reply, openai_server


@dataclass(frozen=True)
class Echo:
    """An Echo: what it is asked by, and what it is made of."""

    http: TestClient
    services: Services


@pytest.fixture(scope="module", autouse=True)
def _changes_count_at_once() -> Iterator[None]:
    """What tests write behind the server's back is not waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remembered, "CHECK_SECONDS", 0.0)
        yield


@pytest.fixture(scope="session")
def provider() -> Iterator[ProviderServer]:
    with openai_server(Reply(("Hi ", "there"))) as server:
        yield server


@pytest.fixture(scope="session")
def talking(
    application_uri: str,
    application: Application,
    provider: ProviderServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Echo]:
    """An Echo that runs, on the database of all tests."""
    assert application
    settings = make_settings(
        application_uri,
        tmp_path_factory.mktemp("agents"),
        OPENAI_API_KEY="sk-test",
        OPENAI_REVERSE_PROXY=provider.url,
        OPENAI_MODELS="gpt-4o-mini,gpt-4",
        ENDPOINTS="openAI",
    )
    echo = assemble(settings)
    with QuickClient(echo.asgi) as http:
        yield Echo(http, echo.services)


@pytest.fixture(scope="session")
def stored(application_uri: str) -> Iterator[Any]:
    with MongoClient[dict[str, Any]](application_uri, tz_aware=True) as client:
        yield client.get_default_database()


@pytest.fixture
def grant(stored: Any) -> Callable[[dict[str, Any], str, int], None]:
    """Lets a user do so much with an agent."""

    def give(agent: dict[str, Any], user_id: str, bits: int) -> None:
        whom = {"principalType": "user", "principalId": ObjectId(user_id), "principalModel": "User"}
        about = {"resourceType": "agent", "resourceId": agent["_id"], "permBits": bits}
        stored.aclentries.insert_one({**whom, **about})

    return give
