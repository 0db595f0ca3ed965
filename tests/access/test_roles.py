"""What a process remembers of roles: for three seconds, and of a thousand at most."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from echo.access import remembered as module
from echo.access.roles import RolePermissions
from storage.access.roles import RoleRepository
from storage.core.database import Database


@pytest.fixture
def remembered(database: Database) -> RolePermissions:
    return RolePermissions(RoleRepository(database))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the module sees."""
    now = [time.monotonic()]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def put(database: Database, name: str, **permissions: Any) -> None:
    role = {"$set": {"permissions": permissions}}
    database.collection("roles").update_one({"name": name}, role, upsert=True)


def may(remembered: RolePermissions, name: str) -> bool:
    return remembered.of(name)["BOOKMARKS"]["USE"]


def test_a_change_is_felt_after_three_seconds(
    remembered: RolePermissions, database: Database, clock: list[float]
) -> None:
    put(database, "STAFF", BOOKMARKS={"USE": True})
    assert may(remembered, "STAFF")
    put(database, "STAFF", BOOKMARKS={"USE": False})
    clock[0] += 2.9
    assert may(remembered, "STAFF")
    clock[0] += 0.2
    assert not may(remembered, "STAFF")


def test_a_change_of_its_own_is_felt_at_once(remembered: RolePermissions, database: Database) -> None:
    assert not may(remembered, "STAFF")
    put(database, "STAFF", BOOKMARKS={"USE": True})
    remembered.forget()
    assert may(remembered, "STAFF")


def test_a_thousand_are_remembered(
    remembered: RolePermissions, database: Database, clock: list[float]
) -> None:
    for number in range(1000):
        remembered.of(f"role {number}")
    put(database, "role 0", BOOKMARKS={"USE": True})
    put(database, "role 1", BOOKMARKS={"USE": True})
    assert not may(remembered, "role 0")
    remembered.of("one more")
    assert may(remembered, "role 0")
