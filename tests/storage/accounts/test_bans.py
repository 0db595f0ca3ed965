"""Bans in LibreChat's form: who is banned until when, and for what."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.accounts.bans import FOR_EVER, BanRepository, ban_key, end_of
from storage.core.database import Database

ADDRESS = "203.0.113.7"
LAST = 253_402_300_799_000


@pytest.fixture
def bans(database: Database) -> BanRepository:
    return BanRepository(database)


def soon(hours: float = 1) -> datetime:
    """Such a time, as exact as MongoDB and LibreChat are."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def stored(database: Database, subject: str) -> tuple[dict[str, Any], datetime]:
    row = database.collection("logs").find_one({"key": f"BANS:{subject}"})
    assert row is not None
    return json.loads(row["value"]), row["expiresAt"]


class TestOfAUser:
    def test_lies_as_librechats_does(self, bans: BanRepository, database: Database, ada: str) -> None:
        end = soon()
        bans.ban(ada, until=end, kind="logins", points=20)
        entry, expires = stored(database, ada)
        assert 3_590_000 < entry["value"].pop("duration") <= 3_600_000
        assert entry == {
            "value": {"type": "logins", "violation_count": 20, "expiresAt": milliseconds(end)},
            "expires": milliseconds(end),
        }
        assert expires == end
        assert ban_key(ada) == f"BANS:{ada}"

    def test_is_one_users_until_its_end(self, bans: BanRepository, ada: str, bob: str) -> None:
        end = soon()
        bans.ban(ada, until=end)
        assert (bans.until(ada), bans.until(bob)) == (end, None)
        bans.ban(ada, until=soon(-1))
        assert bans.until(ada) is None

    def test_for_ever_is_for_ever(self, bans: BanRepository, ada: str) -> None:
        bans.ban(ada, until=FOR_EVER)
        assert bans.until(ada) == FOR_EVER == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("kind", "second", "left"), [("ban", 1, 1), ("ban", 3, 3), ("logins", 1, 2), ("logins", 3, 3)]
    )
    def test_by_violations_shortens_none_and_by_hand_takes_its_place(
        self, bans: BanRepository, ada: str, kind: str, second: float, left: float
    ) -> None:
        bans.ban(ada, until=soon(2), kind="logins")
        bans.ban(ada, until=soon(second), kind=kind)
        assert abs((bans.until(ada) or FOR_EVER) - soon(left)) < timedelta(minutes=1)

    def test_that_is_lifted_is_gone_with_what_hangs_on_the_account(
        self, bans: BanRepository, database: Database, ada: str, bob: str
    ) -> None:
        logs = database.collection("logs")
        bans.ban(ada, until=soon())
        bans.ban(bob, until=soon())
        for address, owner in ((ADDRESS, ada), ("203.0.113.8", bob), ("203.0.113.9", None)):
            bans.ban_address(address, until=soon(), kind="logins", points=1, owner=owner)
        logs.insert_many(
            [{"key": f"{name}:{ada}", "value": "{}"} for name in ("ban", "ban:ban_cache:user", "other")]
        )
        assert (bans.lift(ada), bans.lift(ada)) == (True, False)
        left = {row["key"] for row in logs.find()}
        assert left == {f"BANS:{bob}", "BANS:203.0.113.8", "BANS:203.0.113.9", f"other:{ada}"}
        assert bans.until(ada) is None


class TestOfAnAddress:
    def test_says_whose_violation_it_was(self, bans: BanRepository, database: Database, ada: str) -> None:
        end = soon()
        bans.ban_address(ADDRESS, until=end, kind="logins", points=3, owner=ada)
        entry, expires = stored(database, ADDRESS)
        del entry["value"]["duration"]
        assert entry["value"] == {
            "type": "logins",
            "violation_count": 3,
            "user_id": ada,
            "expiresAt": milliseconds(end),
        }
        assert (expires, bans.address_until(ADDRESS), bans.address_until("203.0.113.8")) == (end, end, None)

    def test_takes_those_away_that_have_ended(
        self, bans: BanRepository, database: Database, ada: str
    ) -> None:
        logs = database.collection("logs")
        bans.ban(ada, until=soon())
        bans.ban_address("203.0.113.8", until=soon(-1), kind="logins", points=1, owner=None)
        logs.insert_one({"key": "other:x", "expiresAt": soon(-1)})
        bans.ban_address(ADDRESS, until=soon(), kind="logins", points=1, owner=None)
        assert {row["key"] for row in logs.find()} == {f"BANS:{ada}", f"BANS:{ADDRESS}", "other:x"}
        assert "user_id" not in stored(database, ADDRESS)[0]["value"]


def entry(expires: Any, own: Any) -> dict[str, Any]:
    return {"value": json.dumps({"expires": expires, "value": {"expiresAt": own}})}


# In 2100, and long ago: names of tests must not change with the time.
NOW, PAST = 4_102_444_800_000, 1_000_000_000_000
HOUR = 3_600_000


class TestTheEnd:
    @pytest.mark.parametrize(
        ("expires", "own", "end"),
        [
            (NOW + 2 * HOUR, NOW + HOUR, NOW + HOUR),
            (NOW + HOUR, NOW + 2 * HOUR, NOW + HOUR),
            (None, NOW + HOUR, NOW + HOUR),
            (NOW + HOUR, None, NOW + HOUR),
            (NOW + HOUR, "never", NOW + HOUR),
            (True, NOW + HOUR, NOW + HOUR),
            (NOW + HOUR + 0.75, None, NOW + HOUR),
            (None, None, LAST),
            (10**400, 1e300, LAST),
            (PAST, NOW + HOUR, None),
            (NOW + HOUR, PAST, None),
            (0, None, None),
        ],
    )
    def test_is_the_first_of_keyvs_and_the_bans_own(self, expires: Any, own: Any, end: int | None) -> None:
        found = end_of(entry(expires, own))
        assert (found and round(found.timestamp() * 1000)) == end

    @pytest.mark.parametrize(
        "stored",
        [{}, {"value": None}, {"value": "x"}, {"value": "[]"}, {"value": '{"value":1}'}, {"value": "1"}],
    )
    def test_is_none_of_what_is_no_ban(self, stored: dict[str, Any]) -> None:
        assert end_of(stored) is None
