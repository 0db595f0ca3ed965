"""An administrator, and what users may do changed for one test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from echo.access import remembered
from tests.conftest import MakeUser, UserClient


@pytest.fixture(scope="module", autouse=True)
def _changes_count_at_once() -> Iterator[None]:
    """What tests write behind the server's back is not waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remembered, "CHECK_SECONDS", 0.0)
        yield


Stored = MongoDatabase[dict[str, Any]]
Allow = Callable[..., None]


@pytest.fixture
def root(make_user: MakeUser, stored: Stored) -> UserClient:
    """An administrator."""
    user = make_user("root")
    stored.users.update_one({"email": user.email}, {"$set": {"role": "ADMIN"}})
    return user


@pytest.fixture
def may(root: UserClient) -> Iterator[Allow]:
    """Lets users do more until the test ends: `may(AGENTS=["SHARE"])`."""
    before = root.get("/chat/api/roles/USER").json()["permissions"]
    changed: set[str] = set()

    def allow(**permissions: list[str]) -> None:
        for kind, names in permissions.items():
            changed.add(kind)
            set_permissions(root, kind, dict.fromkeys(names, True))

    yield allow
    for kind in changed:
        set_permissions(root, kind, before[kind])


def set_permissions(root: UserClient, kind: str, permissions: dict[str, bool]) -> None:
    path = kind.lower().replace("_", "-")
    assert root.put(f"/chat/api/roles/USER/{path}", json=permissions).status_code == 200
