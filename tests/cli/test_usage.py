import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine

Stored = MongoDatabase[dict[str, Any]]
DAYS = ("--from", "2026-11-01", "--to", "2026-11-30")
ID = ObjectId(ObjectId.from_datetime(datetime(2026, 11, 20, tzinfo=UTC)).binary)
FIGURES = {"inputTokens": 0, "cacheReadTokens": 0, "cacheWriteTokens": 0, "outputTokens": 7, "requests": 0}


@pytest.fixture
def used(stored: Stored) -> str:
    """Of one user 7 tokens that a model wrote, as LibreChat writes that down; the user's id."""
    owner = stored.users.insert_one({"email": "=ada@example.com"}).inserted_id
    about = {"tokenType": "completion", "rawAmount": -7, "tokenValue": -70, "context": "message"}
    stored.transactions.insert_one(
        {"_id": ID, "user": owner, "model": "gpt-4o", "createdAt": ID.generation_time, **about}
    )
    return str(owner)


def test_is_json(echo_api: CommandLine, used: str) -> None:
    row = {
        "day": "2026-11-20",
        "user": used,
        "email": "=ada@example.com",
        "model": "gpt-4o",
        "dollars": 0.00007,
    }
    assert echo_api.json("usage", *DAYS) == {
        "from": "2026-11-01",
        "to": "2026-11-30",
        "rows": [{**row, **FIGURES}],
        "totals": {**FIGURES, "dollars": 0.00007},
        "complete": True,
    }


def test_is_for_spreadsheets_without_formulas(echo_api: CommandLine, used: str) -> None:
    printed = echo_api.run("usage", *DAYS, "--by", "user", "--csv").stdout
    head, row = csv.reader(io.StringIO(printed))
    assert head[:3] == ["user", "email", "requests"]
    assert row == [used, "'=ada@example.com", "0", "0", "0", "0", "7", "7e-05"]


def test_is_a_table_with_its_total(echo_api: CommandLine, used: str) -> None:
    shown = echo_api.run("usage", *DAYS, "--by", "model").stdout
    assert "gpt-4o" in shown
    assert "total" in shown


@pytest.mark.parametrize(
    ("only", "rows"),
    [
        (("--model", "o3"), 0),
        (("--model", "gpt-4o"), 1),
        (("--user", "=ada@example.com"), 1),
        (("--endpoint", "openAI"), 0),
        (("--key", "x"), 0),
        (("--to", "2026-11-19"), 0),
    ],
)
def test_is_of_what_is_asked_for(echo_api: CommandLine, used: str, only: tuple[str, ...], rows: int) -> None:
    assert len(echo_api.json("usage", *DAYS, *only)["rows"]) == rows


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--by", "colour"), 2),
        (("--by", ""), 2),
        (("--csv", "--json"), 2),
        (("--from", "yesterday"), 1),
        (("--from", "2024-01-01", "--to", "2026-01-01"), 1),
    ],
)
def test_of_what_is_none_is_refused(echo_api: CommandLine, arguments: tuple[str, ...], code: int) -> None:
    echo_api.run("usage", *arguments, code=code)
