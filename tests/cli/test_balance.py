from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine

Stored = MongoDatabase[dict[str, Any]]
ADA = "ada@example.com"


@pytest.fixture
def ada(stored: Stored) -> ObjectId:
    made: ObjectId = stored.users.insert_one({"email": ADA, "role": "USER"}).inserted_id
    return made


@pytest.fixture
def limited(echo_api: CommandLine) -> CommandLine:
    echo_api.environ["CHECK_BALANCE"] = "true"
    echo_api.environ["START_BALANCE"] = "100"
    return echo_api


def test_of_nobody_is_none(limited: CommandLine, stored: Stored) -> None:
    assert "There is no user" in limited.refused("balance", "show", ADA)


def test_is_not_there_where_nobody_is_limited(echo_api: CommandLine, ada: ObjectId) -> None:
    assert echo_api.json("balance", "show", ADA) == {"id": str(ada), "email": ADA, "tokenCredits": None}


def test_is_shown_given_and_set(limited: CommandLine, ada: ObjectId, stored: Stored) -> None:
    expected = {"id": str(ada), "email": ADA, "tokenCredits": 100, "autoRefillEnabled": False}
    assert limited.json("balance", "show", ADA) == expected
    assert limited.json("balance", "add", ADA, "50")["tokenCredits"] == 150
    assert limited.json("balance", "add", ADA, "-20.5")["tokenCredits"] == 129.5
    assert limited.json("balance", "set", ADA, "7")["tokenCredits"] == 7
    written = [(row["context"], row["tokenType"], row["rawAmount"]) for row in stored.transactions.find()]
    assert written == [("admin", "credits", 50), ("admin", "credits", -20.5)]


@pytest.mark.parametrize("amount", ["-1", "x", "1e16", "nan"])
def test_is_not_set_to_what_is_none(limited: CommandLine, ada: ObjectId, amount: str) -> None:
    limited.run("balance", "set", ADA, "--", amount, code=2)


def test_are_listed_the_smallest_first(limited: CommandLine, ada: ObjectId, stored: Stored) -> None:
    stored.balances.insert_many(
        [{"user": ada, "tokenCredits": 9}, {"user": ObjectId(), "tokenCredits": 3, "autoRefillEnabled": True}]
    )
    rows = limited.json("balance", "list")
    assert [(row["email"], row["tokenCredits"], row["autoRefillEnabled"]) for row in rows] == [
        (None, 3, True),
        (ADA, 9, False),
    ]
    assert ADA in limited.run("balance", "list").stdout
