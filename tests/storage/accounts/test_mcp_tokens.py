"""What users' logins at MCP servers came to: three records for each user and server."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts.mcp_tokens import Kept, McpTokenRepository
from storage.core.database import Database
from storage.core.repository import now
from tests.support.chats import new_owner

SOON = now() + timedelta(hours=1)
PAST = now() - timedelta(seconds=1)
KINDS = ("mcp_oauth", "mcp_oauth_refresh", "mcp_oauth_client")
ENDINGS = ("", ":refresh", ":client")


@pytest.fixture
def tokens(database: Database) -> McpTokenRepository:
    return McpTokenRepository(database)


def records(*kinds: str, of: str | None = "set-1", token: str = "t") -> dict[str, Kept]:
    metadata = {"credential_set_id": of} if of else {}
    return {kind: Kept(f"{token}-{kind}", SOON, metadata) for kind in kinds or KINDS}


def test_they_lie_as_librechats_do(tokens: McpTokenRepository, database: Database, ada: str) -> None:
    before = now()
    assert tokens.store(ada, "docs", records())
    rows = list(database.collection("tokens").find({}, {"_id": 0}))
    for row in rows:
        assert before <= row.pop("createdAt") <= now()
    assert rows == [
        {
            "userId": ObjectId(ada),
            "type": kind,
            "identifier": f"mcp:docs{ending}",
            "token": f"t-{kind}",
            "expiresAt": SOON,
            "metadata": {"credential_set_id": "set-1"},
            "__v": 0,
        }
        for kind, ending in zip(KINDS, ENDINGS, strict=True)
    ]


def test_they_are_of_one_user_and_one_server(tokens: McpTokenRepository, ada: str, bob: str) -> None:
    tokens.store(ada, "docs", records())
    assert tokens.find(ada, "docs") == records()
    assert tokens.find(bob, "docs") == tokens.find(ada, "mail") == {}


def test_expired_ones_are_none(tokens: McpTokenRepository, ada: str) -> None:
    tokens.store(ada, "docs", {**records(), "mcp_oauth": Kept("x", PAST, {"credential_set_id": "set-1"})})
    assert tokens.find(ada, "docs").keys() == {"mcp_oauth_refresh", "mcp_oauth_client"}


def test_what_librechat_left_without_metadata_has_none(
    tokens: McpTokenRepository, database: Database, ada: str
) -> None:
    row = {"userId": ObjectId(ada), "type": "mcp_oauth", "identifier": "mcp:docs", "token": "x"}
    database.collection("tokens").insert_one({**row, "expiresAt": SOON})
    assert tokens.find(ada, "docs") == {"mcp_oauth": Kept("x", SOON, {})}


def test_those_of_another_set_than_the_clients_are_none(tokens: McpTokenRepository, ada: str) -> None:
    tokens.store(
        ada, "docs", records("mcp_oauth", of="old") | records("mcp_oauth_refresh", "mcp_oauth_client")
    )
    assert tokens.find(ada, "docs").keys() == {"mcp_oauth_refresh", "mcp_oauth_client"}
    # Where no client is kept, there is nothing to hold them against.
    tokens.store(ada, "docs", records("mcp_oauth", of="old") | records("mcp_oauth_refresh"))
    assert tokens.find(ada, "docs").keys() == {"mcp_oauth", "mcp_oauth_refresh"}


def test_storing_takes_the_place_of_all_that_was_there(
    tokens: McpTokenRepository, database: Database, ada: str, bob: str
) -> None:
    for owner, server in ((ada, "docs"), (ada, "mail"), (bob, "docs")):
        tokens.store(owner, server, records())
    created = {row["_id"]: row["createdAt"] for row in database.collection("tokens").find()}
    new = records("mcp_oauth", "mcp_oauth_client", of="set-2", token="new")
    assert tokens.store(ada, "docs", new)
    assert tokens.find(ada, "docs") == new
    assert tokens.find(ada, "mail") == tokens.find(bob, "docs") == records()
    left = {row["_id"]: row["createdAt"] for row in database.collection("tokens").find()}
    assert len(left) == 8
    assert left.items() <= created.items()
    assert tokens.store(ada, "docs", {})
    assert tokens.find(ada, "docs") == {}


@pytest.mark.parametrize(
    ("stored", "replaces", "done"),
    [
        ("set-1", "set-1", True),
        ("set-1", "set-0", False),
        ("set-1", None, False),
        (None, None, True),
        (None, "set-1", False),
    ],
)
def test_renewed_they_replace_those_that_were_renewed_alone(
    tokens: McpTokenRepository, ada: str, stored: str | None, replaces: Any, done: bool
) -> None:
    bob = new_owner()
    before, new = records(of=stored), records(of="set-2", token="new")
    for owner, server in ((ada, "docs"), (ada, "mail"), (bob, "docs")):
        tokens.store(owner, server, before)
    assert tokens.store(ada, "docs", new, replaces=(replaces,)) is done
    assert tokens.find(ada, "docs") == (new if done else before)
    assert tokens.find(ada, "mail") == tokens.find(bob, "docs") == before


def test_those_of_a_server_are_dropped(tokens: McpTokenRepository, ada: str, bob: str) -> None:
    for owner, server in ((ada, "docs"), (ada, "mail"), (bob, "docs")):
        tokens.store(owner, server, records())
    assert (tokens.drop(ada, "docs"), tokens.drop(ada, "docs")) == (3, 0)
    assert tokens.find(ada, "docs") == {}
    assert tokens.find(ada, "mail") == tokens.find(bob, "docs") == records()


def test_a_user_is_logged_in_where_a_token_is_good_or_can_be_renewed(
    tokens: McpTokenRepository, ada: str, bob: str
) -> None:
    tokens.store(ada, "docs", records("mcp_oauth"))
    tokens.store(ada, "mail", {**records("mcp_oauth_refresh"), "mcp_oauth": Kept("x", PAST)})
    tokens.store(ada, "ended", {"mcp_oauth": Kept("x", PAST)})
    tokens.store(ada, "client", records("mcp_oauth_client"))
    tokens.store(bob, "bobs", records())
    assert tokens.servers(ada) == {"docs", "mail"}


def test_they_are_not_shown() -> None:
    assert "secret" not in repr(Kept("secret", SOON))
