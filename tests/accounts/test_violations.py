"""Points at each violation, and what happens at a multiple of the interval."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from echo.accounts.violations import Violations, ViolationStores
from echo.settings import Settings
from echo.settings.rate_limits import ViolationSettings
from storage.accounts.bans import BanRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.violations import ViolationRepository
from storage.core.database import Database
from storage.core.errors import Unavailable
from storage.runs.runs import RunRepository
from tests.support.chats import new_owner

Make = Callable[..., Violations]


@pytest.fixture
def make(settings: Settings, app_database: Database) -> Make:
    """Violations by some rules: a ban of ten minutes at every third point."""

    def make(**rules: object) -> Violations:
        rules = {"ban": True, "interval": 3, "scores": {"logins": 1, "fork_limit": 2}, **rules}
        chosen = replace(settings, violations=ViolationSettings(**rules), ban_seconds=600)  # type: ignore[arg-type]
        stores = ViolationStores(
            ViolationRepository(app_database),
            BanRepository(app_database),
            SessionRepository(app_database),
            RunRepository(app_database),
        )
        return Violations(chosen, stores)

    return make


@pytest.fixture
def bans(app_database: Database) -> BanRepository:
    return BanRepository(app_database)


def somewhere() -> str:
    """An address in the internet that no other test has."""
    parts = ObjectId().binary[-2:]
    return f"93.184.{parts[0]}.{parts[1]}"


def test_an_account_is_banned_at_each_multiple_of_the_interval(make: Make, bans: BanRepository) -> None:
    violations, owner = make(), new_owner()
    banned = []
    for _ in range(6):
        violations.count("logins", owner, None)
        banned.append(bans.until(owner) is not None)
        bans.lift(owner)
    assert banned == [False, False, True, False, False, True]


def test_points_that_pass_a_multiple_ban_too_and_each_kind_has_its_own(
    make: Make, bans: BanRepository
) -> None:
    violations, owner = make(), new_owner()
    violations.count("logins", owner, None)
    violations.count("fork_limit", owner, None)
    assert bans.until(owner) is None
    violations.count("fork_limit", owner, None)
    assert bans.until(owner) is not None


def test_a_ban_ends_sessions_and_answers_that_are_being_made_and_lasts_as_long_as_is_set(
    make: Make, bans: BanRepository, app_database: Database
) -> None:
    owner, other, address = new_owner(), new_owner(), somewhere()
    sessions, runs = SessionRepository(app_database), app_database.collection("echo_runs")
    for each in (owner, other):
        sessions.create(each, refresh_token_hash="x", expires_at=datetime.now(UTC) + timedelta(hours=1))
        runs.insert_one({"_id": each, "user": each, "status": "running"})
    start = datetime.now(UTC)
    make(interval=1).count("logins", owner, address)
    for until in (bans.until(owner), bans.address_until(address)):
        assert until is not None
        assert start + timedelta(seconds=598) < until <= datetime.now(UTC) + timedelta(seconds=600)
    assert (len(sessions.list(owner)), len(sessions.list(other))) == (0, 1)
    asked = {each["_id"]: each.get("abortRequested") for each in runs.find({"_id": {"$in": [owner, other]}})}
    runs.delete_many({"_id": {"$in": [owner, other]}})
    assert asked == {owner: True, other: None}


def test_who_is_not_logged_in_is_an_address_and_an_account_is_counted_wherever_it_is(
    make: Make, bans: BanRepository, app_database: Database
) -> None:
    violations, owner, address = make(), new_owner(), somewhere()
    for _ in range(2):
        violations.count("logins", None, address)
        violations.count("logins", owner, address)
    assert bans.until(owner) is bans.address_until(address) is None
    violations.count("logins", None, address)
    assert bans.address_until(address) is not None
    assert violations.banned_until(address) == bans.address_until(address)
    # Nothing is kept of addresses but hashes.
    key = f"logins:{hashlib.sha256(address.encode()).hexdigest()[:32]}"
    row = app_database.collection("echo_violations").find_one({"_id": key})
    assert (row or {}).get("points") == 3


def test_a_private_address_is_never_banned(make: Make, bans: BanRepository) -> None:
    owner = new_owner()
    make(interval=1).count("logins", owner, "10.1.2.3")
    assert bans.until(owner) is not None
    assert bans.address_until("10.1.2.3") is None


@pytest.mark.parametrize("rules", [{"ban": False}, {"scores": {}}, {"scores": {"logins": 0}}])
def test_where_nothing_is_counted_nobody_is_banned(
    make: Make, bans: BanRepository, app_database: Database, rules: dict[str, object]
) -> None:
    violations, owner = make(interval=1, **rules), new_owner()
    violations.count("logins", owner, somewhere())
    violations.count("logins", None, None)
    assert bans.until(owner) is None
    assert app_database.collection("echo_violations").find_one({"user": ObjectId(owner)}) is None


def test_a_limit_of_the_contract_is_counted_by_its_kind_and_others_are_not(
    make: Make, bans: BanRepository, app_database: Database
) -> None:
    violations, owner, address = make(interval=2), new_owner(), somewhere()
    violations.limit_exceeded("fork_user", owner, address)
    assert bans.until(owner) is not None
    other = new_owner()
    violations.limit_exceeded("refresh_ip", other, address)
    assert app_database.collection("echo_violations").find_one({"user": ObjectId(other)}) is None


def test_where_bans_are_off_no_address_is_banned(make: Make, bans: BanRepository) -> None:
    address = somewhere()
    bans.ban_address(address, until=datetime.now(UTC) + timedelta(hours=1), kind="x", points=1, owner=None)
    assert make().banned_until(address) is not None
    assert make(ban=False).banned_until(address) is None


def test_what_cannot_be_counted_fails_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> int:
        raise Unavailable("no database")

    monkeypatch.setattr(ViolationRepository, "add", away)
    make().count("logins", new_owner(), None)
