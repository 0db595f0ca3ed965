import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from storage.accounts.bans import FOR_EVER, BanRepository
from storage.core.database import Database
from storage.runs.runs import RunRepository
from tests.cli.conftest import CommandLine
from tests.cli.test_users import EMAIL, log_in, new_user
from tests.conftest import Client

Stored = MongoDatabase[dict[str, Any]]


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def in_the_form_of_keyv(owner: str, until: datetime | None, forgotten: datetime | None) -> dict[str, Any]:
    """What LibreChat stores for a ban, through Keyv 5.6."""
    ban = {
        "type": "concurrent",
        "violation_count": 20,
        "duration": 1,
        "expiresAt": milliseconds(until) if until else None,
    }
    value = {"value": ban, **({"expires": milliseconds(forgotten)} if forgotten else {})}
    return {"key": f"BANS:{owner}", "value": json.dumps(value), "expiresAt": forgotten}


class TestBan:
    def test_keeps_out_whoever_knows_the_password_and_tells_nobody_else(
        self, echo_api: CommandLine, api: Client
    ) -> None:
        new_user(echo_api)
        session = log_in(api).json()
        echo_api.run("user", "ban", EMAIL, "--yes")
        refused = log_in(api)
        assert (refused.status_code, refused.json()["code"]) == (403, "account_banned")
        assert "set-cookie" not in refused.headers
        wrong = log_in(api, password="not the password").json()
        nobody = log_in(api, email="nobody@example.com").json()
        assert {**wrong, "requestId": ""} == {**nobody, "requestId": ""}
        headers = {"Authorization": f"Bearer {session['token']}"}
        assert api.post("/api/auth/refresh", headers=headers).status_code in {401, 403}

    def test_ends_every_session_and_leaves_none_of_a_refused_login(
        self, echo_api: CommandLine, api: Client, stored: Stored
    ) -> None:
        new_user(echo_api)
        log_in(api)
        log_in(api)
        assert echo_api.json("user", "ban", EMAIL, "--yes")["sessionsEnded"] == 2
        log_in(api)
        assert stored.sessions.count_documents({}) == 0

    def test_ends_answers_that_are_being_made(self, echo_api: CommandLine, database_uri: str) -> None:
        owner = new_user(echo_api)["id"]
        database = Database(database_uri)
        runs = RunRepository(database)
        runs.insert(owner, "conversation", "run", {"worker": "w"}, request_id=None)
        echo_api.run("user", "ban", EMAIL, "--yes")
        assert runs.abort_requests("w") == ["run"]
        database.close()

    def test_a_session_that_was_made_meanwhile_is_not_refreshed(
        self, echo_api: CommandLine, api: Client, stored: Stored
    ) -> None:
        owner = new_user(echo_api)["id"]
        token = log_in(api).json()["token"]
        hour = datetime.now(UTC) + timedelta(hours=1)
        stored.logs.insert_one(in_the_form_of_keyv(owner, hour, hour))
        refused = api.post("/api/auth/refresh", headers={"Authorization": f"Bearer {token}"})
        assert (refused.status_code, refused.json()["code"]) == (403, "account_banned")
        assert stored.sessions.count_documents({}) == 0

    def test_is_stored_as_librechat_stores_it(self, echo_api: CommandLine, stored: Stored) -> None:
        owner = new_user(echo_api)["id"]
        before = datetime.now(UTC)
        echo_api.run("user", "ban", EMAIL, "--yes", "--for", "90m")
        [entry] = stored.logs.find({}, {"_id": 0})
        assert entry.keys() == {"key", "value", "expiresAt"}
        assert entry["key"] == f"BANS:{owner}"
        value = json.loads(entry["value"])
        assert value.keys() == {"value", "expires"}
        ban = value["value"]
        assert ban.keys() == {"type", "violation_count", "duration", "expiresAt"}
        assert ban["expiresAt"] == value["expires"] == milliseconds(entry["expiresAt"])
        assert abs(entry["expiresAt"] - before - timedelta(minutes=90)) < timedelta(seconds=30)
        assert 0 < 90 * 60_000 - ban["duration"] < 30_000

    @pytest.mark.parametrize(
        ("options", "variables", "length"),
        [
            ((), {}, timedelta(hours=2)),
            ((), {"BAN_DURATION": "1000 * 60 * 5"}, timedelta(minutes=5)),
            (("--for", "7d"), {}, timedelta(days=7)),
            (("--for", "30s"), {}, timedelta(seconds=30)),
        ],
    )
    def test_lasts_as_long_as_it_should(
        self, echo_api: CommandLine, options: tuple[str, ...], variables: dict[str, str], length: timedelta
    ) -> None:
        new_user(echo_api)
        other = CommandLine({**echo_api.environ, **variables})
        done = other.json("user", "ban", EMAIL, "--yes", *options)
        until = datetime.fromisoformat(done["bannedUntil"])
        assert abs(until - datetime.now(UTC) - length) < timedelta(seconds=30)

    def test_for_ever(self, echo_api: CommandLine, api: Client) -> None:
        new_user(echo_api)
        assert "permanent" in echo_api.run("user", "ban", EMAIL, "--yes", "--for", "permanent").stdout
        assert log_in(api).json()["message"] == "This account is banned."
        assert echo_api.json("user", "show", EMAIL)["bannedUntil"].startswith("9999")

    @pytest.mark.parametrize("length", ["", "0h", "-1h", "1y", "h", "1.5h", "999999999d", "forever", "1h "])
    def test_a_length_that_is_none_is_a_wrong_call(self, echo_api: CommandLine, length: str) -> None:
        assert "length of time" in echo_api.refused("user", "ban", EMAIL, "--yes", "--for", length, code=2)

    def test_asks_first(self, echo_api: CommandLine, stored: Stored) -> None:
        new_user(echo_api)
        assert "--yes" in echo_api.refused("user", "ban", EMAIL, code=2)
        assert stored.logs.count_documents({}) == 0


class TestLibrechatsBans:
    @pytest.mark.parametrize(
        ("until", "forgotten", "banned"),
        [
            (1, 1, True),
            # Of LibreChat's own `ban-user` the length is the ban's, and Keyv's is always BAN_DURATION.
            (1, 2, True),
            (-1, 1, False),
            (1, -1, False),
            (1, None, True),
        ],
    )
    def test_hold_until_the_first_of_their_two_ends(
        self, echo_api: CommandLine, api: Client, *, until: int, forgotten: int | None, banned: bool
    ) -> None:
        owner, now = new_user(echo_api)["id"], datetime.now(UTC)
        ends = [None if hours is None else now + timedelta(hours=hours) for hours in (until, forgotten)]
        entry = in_the_form_of_keyv(owner, *ends)
        with MongoClient[dict[str, Any]](echo_api.environ["MONGO_URI"]) as client:
            client.get_default_database().logs.insert_one(entry)
        assert log_in(api).status_code == (403 if banned else 200)
        assert len(echo_api.json("user", "list", "--banned")) == banned

    @pytest.mark.parametrize(
        "value", [None, 5, "", "[]", "{}", '{"value":true}', '{"value":null}', "not json"]
    )
    def test_what_is_none_bans_nobody(
        self, echo_api: CommandLine, api: Client, stored: Stored, value: Any
    ) -> None:
        owner = new_user(echo_api)["id"]
        stored.logs.insert_one({"key": f"BANS:{owner}", "value": value})
        assert log_in(api).status_code == 200

    def test_an_end_beyond_all_dates_is_for_ever(
        self, echo_api: CommandLine, api: Client, stored: Stored
    ) -> None:
        owner = new_user(echo_api)["id"]
        value = json.dumps({"value": {"expiresAt": 10**30}, "expires": None})
        stored.logs.insert_one({"key": f"BANS:{owner}", "value": value})
        assert log_in(api).status_code == 403


class TestUnban:
    def test_lets_in_again_and_makes_librechat_forget_too(
        self, echo_api: CommandLine, api: Client, stored: Stored
    ) -> None:
        owner = new_user(echo_api)["id"]
        echo_api.run("user", "ban", EMAIL, "--yes")
        for key in (f"ban:{owner}", f"ban:ban_cache:user:{owner}", "BANS:10.0.0.1"):
            stored.logs.insert_one({"key": key, "value": '{"value":true,"expires":null}', "expiresAt": None})
        echo_api.run("user", "unban", EMAIL)
        assert log_in(api).status_code == 200
        assert [each["key"] for each in stored.logs.find()] == ["BANS:10.0.0.1"]

    def test_of_one_who_is_not_banned_says_so(self, echo_api: CommandLine) -> None:
        new_user(echo_api)
        assert "is not banned" in echo_api.refused("user", "unban", EMAIL)


class TestUnbanAfterViolations:
    def test_lifts_the_bans_of_the_addresses_too_and_nobody_elses(
        self, echo_api: CommandLine, database_uri: str, stored: Stored
    ) -> None:
        owner = new_user(echo_api)["id"]
        until = datetime.now(UTC) + timedelta(hours=1)
        database = Database(database_uri)
        bans = BanRepository(database)
        bans.ban(owner, until=until, kind="logins", points=20)
        bans.ban_address("93.1.2.3", until=until, kind="logins", points=20, owner=owner)
        bans.ban_address("93.1.2.4", until=until, kind="logins", points=20, owner="0" * 24)
        bans.ban_address("93.1.2.5", until=until, kind="logins", points=20, owner=None)
        database.close()
        echo_api.run("user", "unban", EMAIL)
        assert {each["key"] for each in stored.logs.find()} == {"BANS:93.1.2.4", "BANS:93.1.2.5"}

    def test_a_ban_for_violations_shortens_no_other(self, echo_api: CommandLine, database_uri: str) -> None:
        owner = new_user(echo_api)["id"]
        database = Database(database_uri)
        bans = BanRepository(database)
        bans.ban(owner, until=FOR_EVER)
        bans.ban(owner, until=datetime.now(UTC) + timedelta(hours=1), kind="logins", points=20)
        assert bans.until(owner) == FOR_EVER
        database.close()
