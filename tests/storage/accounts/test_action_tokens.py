"""The tokens of users' logins at services of actions, as LibreChat keeps them."""

from datetime import datetime, timedelta

import pytest
from bson import ObjectId

from storage.accounts.action_tokens import ActionTokenRepository
from storage.core.database import Database
from storage.core.repository import now

HOUR = timedelta(hours=1)


@pytest.fixture
def tokens(database: Database) -> ActionTokenRepository:
    return ActionTokenRepository(database)


def both(access: str = "a", refresh: str = "r") -> dict[str, tuple[str, datetime]]:
    return {"oauth": (access, now() + HOUR), "oauth_refresh": (refresh, now() + 2 * HOUR)}


def test_they_lie_as_librechats_do(tokens: ActionTokenRepository, database: Database, ada: str) -> None:
    before, stored = now(), both()
    tokens.store(ada, "weather", stored)
    rows = list(database.collection("tokens").find({}, {"_id": 0}).sort("type", 1))
    for row in rows:
        assert before <= row.pop("createdAt") <= now()
    assert rows == [
        {
            "userId": ObjectId(ada),
            "type": kind,
            "identifier": f"{ada}:weather{ending}",
            "token": stored[kind][0],
            "expiresAt": stored[kind][1],
            "__v": 0,
        }
        for kind, ending in (("oauth", ""), ("oauth_refresh", ":refresh"))
    ]


def test_they_are_of_one_user_and_one_action(tokens: ActionTokenRepository, ada: str, bob: str) -> None:
    tokens.store(ada, "weather", both())
    assert tokens.find(ada, "weather") == {"oauth": "a", "oauth_refresh": "r"}
    assert tokens.find(bob, "weather") == tokens.find(ada, "mail") == {}


def test_new_ones_take_the_place_of_those_of_their_kind(
    tokens: ActionTokenRepository, database: Database, ada: str
) -> None:
    tokens.store(ada, "weather", both())
    [first] = database.collection("tokens").find({"type": "oauth"})
    tokens.store(ada, "weather", {"oauth": ("b", now() + HOUR)})
    assert tokens.find(ada, "weather") == {"oauth": "b", "oauth_refresh": "r"}
    [second] = database.collection("tokens").find({"type": "oauth"})
    assert (second["_id"], second["createdAt"]) == (first["_id"], first["createdAt"])


def test_expired_ones_are_none(tokens: ActionTokenRepository, ada: str) -> None:
    tokens.store(ada, "weather", {**both(), "oauth": ("a", now() - timedelta(seconds=1))})
    assert tokens.find(ada, "weather") == {"oauth_refresh": "r"}


def test_of_an_action_that_leads_elsewhere_everybodys_are_dropped(
    tokens: ActionTokenRepository, database: Database, ada: str, bob: str
) -> None:
    for owner, action in ((ada, "a.b"), (bob, "a.b"), (ada, "axb"), (ada, "a.b2"), (ada, "2a.b")):
        tokens.store(owner, action, both())
    # Those of other kinds stay, whatever they are called.
    database.collection("tokens").insert_one({"type": "mcp_oauth", "identifier": f"{ada}:a.b"})
    tokens.drop_all("a.b")
    assert tokens.find(ada, "a.b") == tokens.find(bob, "a.b") == {}
    for action in ("axb", "a.b2", "2a.b"):
        assert tokens.find(ada, action) == {"oauth": "a", "oauth_refresh": "r"}
    assert database.collection("tokens").count_documents({"type": "mcp_oauth"}) == 1
