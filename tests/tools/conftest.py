"""A service that tools ask, and a run in which they are called."""

from collections.abc import Iterator

import pytest

from echo.tools.tool import RunPlace
from tests.support.chats import new_owner
from tests.support.routes import Service, service


@pytest.fixture(scope="session")
def running_service() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.fixture
def asked_service(running_service: Service) -> Service:
    """The service, without routes."""
    return running_service.reset()


@pytest.fixture
def place() -> RunPlace:
    """A run of a user who has nothing."""
    return RunPlace(
        new_owner(), "3f0a4c1e-6f0e-4f1b-9f4b-0b6f0f6f2a10", "5f0a4c1e-6f0e-4f1b-9f4b-0b6f0f6f2a10"
    )
