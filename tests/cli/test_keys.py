from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine
from tests.cli.test_users import EMAIL, new_user
from tests.conftest import Client

Stored = MongoDatabase[dict[str, Any]]
LIMITS = ["--model", "openAI/*", "--model", "claude", "--tokens-per-day", "1000"]


def models(api: Client, key: str) -> int:
    """The status of a request with the key."""
    return int(api.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code)


@pytest.fixture
def made(echo_api: CommandLine) -> dict[str, Any]:
    new_user(echo_api)
    found: dict[str, Any] = echo_api.json("key", "create", EMAIL, "Notebook", "--for", "30d", *LIMITS)
    return found


def test_a_key_opens_v1_until_it_is_revoked(
    echo_api: CommandLine, api: Client, made: dict[str, Any], stored: Stored
) -> None:
    assert (made["user"], made["name"], made["begins"]) == (EMAIL, "Notebook", made["key"][:8])
    assert made["limits"] == {"models": ["openAI/*", "claude"], "tokensPerDay": 1000}
    assert models(api, made["key"]) == 200
    echo_api.json("key", "revoke", made["id"], "--yes")
    assert stored.agentapikeys.count_documents({}) == 0
    assert made["id"] in echo_api.refused("key", "show", made["id"])


def test_what_it_has_used_is_shown(echo_api: CommandLine, made: dict[str, Any], stored: Stored) -> None:
    counts = {"requests": 3, "inputTokens": 20, "outputTokens": 7, "dollars": 0.25}
    stored.agentapikeys.update_one({}, {"$set": {"echoUsage": {"total": counts}}})
    stored.agentapikeys.update_one(
        {},
        [
            {
                "$set": {
                    f"echoUsage.{name}": {"since": "$$NOW", **counts} for name in ("minute", "day", "month")
                }
            }
        ],
    )
    shown = echo_api.json("key", "show", made["begins"])
    assert shown["usage"] == dict.fromkeys(("day", "month", "total"), counts)
    [row] = echo_api.json("key", "list", EMAIL)
    assert row == shown
    assert "key" not in row
    assert "27" in echo_api.run("key", "list").stdout
    assert "day.outputTokens  " in echo_api.run("key", "show", made["id"]).stdout


def test_its_limits_are_set_as_a_whole(echo_api: CommandLine, made: dict[str, Any]) -> None:
    changed = echo_api.json("key", "limit", made["id"], "--requests-per-minute", "5")
    assert changed["limits"] == {"requestsPerMinute": 5}
    assert echo_api.json("key", "limit", made["id"], "--none")["limits"] == {}
    for wrong in ([], ["--none", "--tokens-per-day", "1"], ["--tokens-per-day", "0"], ["--model", ""]):
        echo_api.run("key", "limit", made["id"], *wrong, code=2)


def test_its_limits_can_be_of_money(echo_api: CommandLine, made: dict[str, Any]) -> None:
    money = ["--dollars-per-day", "0.5", "--dollars-per-month", "10"]
    changed = echo_api.json("key", "limit", made["id"], *money)
    assert changed["limits"] == {"dollarsPerDay": 0.5, "dollarsPerMonth": 10}
    for wrong in ("0", "nan", "inf", "1000001"):
        echo_api.run("key", "limit", made["id"], "--dollars-per-day", wrong, code=2)


def test_a_beginning_names_one_key_only(echo_api: CommandLine, made: dict[str, Any]) -> None:
    other = echo_api.json("key", "create", EMAIL, "Other")
    text = echo_api.refused("key", "show", "sk-")
    assert made["id"] in text
    assert other["id"] in text
    assert [row["name"] for row in echo_api.json("key", "list", "--limit", "1")] == ["Notebook"]


def test_nothing_is_done_to_what_is_not_there(echo_api: CommandLine) -> None:
    new_user(echo_api)
    for command in (("show", ""), ("show", ".*"), ("revoke", "0" * 24, "--yes"), ("limit", "sk-0", "--none")):
        assert "There is no key" in echo_api.refused("key", *command)
    assert "There is no user" in echo_api.refused("key", "create", "eve@example.com", "Key")
    assert echo_api.json("key", "list") == []
    assert "is empty" in echo_api.refused("key", "create", EMAIL, "  ")
