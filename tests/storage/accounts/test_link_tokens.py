"""Tokens of links: the newest of a kind counts, and it is used up once."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from storage.accounts.link_tokens import (
    EMAIL_CHANGE,
    EMAIL_VERIFICATION,
    PASSWORD_RESET,
    LinkTokenRepository,
)
from storage.core.database import Database
from tests.support.threads import together

SOON = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def tokens(database: Database) -> LinkTokenRepository:
    return LinkTokenRepository(database)


class TestLinkTokens:
    def test_have_librechats_form(self, tokens: LinkTokenRepository, ada: str, database: Database) -> None:
        tokens.issue(ada, EMAIL_VERIFICATION, token_hash="hash", expires_at=SOON, email="ada@example.com")
        [row] = database.collection("tokens").find({}, {"_id": 0, "createdAt": 0})
        assert row == {
            "userId": ObjectId(ada),
            "email": "ada@example.com",
            "type": "email_verification",
            "token": "hash",
            "expiresAt": SOON,
            "__v": 0,
        }

    def test_a_new_one_takes_the_place_of_the_owners_others_of_its_kind(
        self, tokens: LinkTokenRepository, database: Database, ada: str, bob: str
    ) -> None:
        for owner, kind, text in (
            (ada, PASSWORD_RESET, "1"),
            (ada, EMAIL_VERIFICATION, "2"),
            (bob, PASSWORD_RESET, "3"),
            (ada, PASSWORD_RESET, "4"),
        ):
            tokens.issue(owner, kind, token_hash=text, expires_at=SOON)
        found = [
            tokens.latest(owner, kind)
            for owner in (ada, bob)
            for kind in (PASSWORD_RESET, EMAIL_VERIFICATION)
        ]
        assert [each and each["token"] for each in found] == ["4", "2", "3", None]
        assert database.collection("tokens").count_documents({}) == 3

    def test_that_have_expired_or_are_nobodys_are_none(self, tokens: LinkTokenRepository, ada: str) -> None:
        past = datetime.now(UTC) - timedelta(seconds=1)
        tokens.issue(ada, PASSWORD_RESET, token_hash="1", expires_at=past)
        assert tokens.latest(ada, PASSWORD_RESET) is None
        assert tokens.latest("nobody", PASSWORD_RESET) is None

    def test_one_of_many_uses_it_up(self, tokens: LinkTokenRepository, ada: str, bob: str) -> None:
        tokens.issue(ada, PASSWORD_RESET, token_hash="1", expires_at=SOON)
        token = tokens.latest(ada, PASSWORD_RESET)
        assert token is not None
        assert not tokens.use_up(bob, token)
        assert sum(together(lambda _: tokens.use_up(ada, token))) == 1
        assert tokens.latest(ada, PASSWORD_RESET) is None

    def test_say_which_password_they_were_asked_for_with(
        self, tokens: LinkTokenRepository, ada: str, database: Database
    ) -> None:
        tokens.issue(ada, EMAIL_CHANGE, token_hash="1", expires_at=SOON, mark="m")
        row = tokens.latest(ada, EMAIL_CHANGE)
        assert row is not None
        assert (row["mark"], row["type"], "email" in row) == ("m", "echo_email_change", False)

    def test_of_one_kind_are_dropped(self, tokens: LinkTokenRepository, ada: str, bob: str) -> None:
        for owner, kind in ((ada, PASSWORD_RESET), (ada, EMAIL_CHANGE), (bob, PASSWORD_RESET)):
            tokens.issue(owner, kind, token_hash="1", expires_at=SOON)
        tokens.drop(ada, PASSWORD_RESET)
        assert tokens.latest(ada, PASSWORD_RESET) is None
        assert tokens.latest(ada, EMAIL_CHANGE) is not None
        assert tokens.latest(bob, PASSWORD_RESET) is not None

    def test_of_several_the_newest_counts(
        self, tokens: LinkTokenRepository, ada: str, database: Database
    ) -> None:
        """As another program may have left them."""
        row = {"userId": ObjectId(ada), "type": "password_reset", "expiresAt": SOON}
        database.collection("tokens").insert_many(
            {**row, "token": str(day), "createdAt": datetime(2026, 1, day, tzinfo=UTC)} for day in (1, 3, 2)
        )
        assert (tokens.latest(ada, PASSWORD_RESET) or {})["token"] == "3"
