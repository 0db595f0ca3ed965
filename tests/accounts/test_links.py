"""Tokens of links in mails: whose they are, for which address, for how long, and once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId

from echo.accounts.links import Links
from storage.accounts.link_tokens import EMAIL_VERIFICATION, PASSWORD_RESET, LinkTokenRepository
from storage.core.database import Database
from tests.support.chats import new_owner

CLIENT = "https://chat.example.com/c"
EMAIL = "ada@example.com"


@pytest.fixture
def tokens(app_database: Database) -> LinkTokenRepository:
    return LinkTokenRepository(app_database)


@pytest.fixture
def links(tokens: LinkTokenRepository) -> Links:
    return Links(tokens, CLIENT)


@pytest.fixture
def ada() -> str:
    return new_owner()


def fields(link: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


def user(owner: str, email: str = EMAIL) -> dict[str, Any]:
    return {"_id": ObjectId(owner), "email": email}


# How each kind is made, and whether it is taken from that account or for that address.
Make = Callable[[Links, str], str]
Take = Callable[[Links, str, str, str], bool]
KINDS: dict[str, tuple[Make, Take]] = {
    "reset": (
        lambda links, owner: fields(links.reset(owner))["token"],
        lambda links, owner, token, _: links.redeem_reset(owner, token) is not None,
    ),
    "verification": (
        lambda links, owner: fields(links.verification(owner, EMAIL))["token"],
        lambda links, owner, token, email: links.redeem_verification(user(owner, email), token),
    ),
    "change": (
        # The first half names the account.
        lambda links, owner: fields(links.change(owner, EMAIL, "mark"))["token"],
        lambda links, owner, token, email: links.redeem_change(email, owner + token[24:]) is not None,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
class TestEach:
    def test_is_good_once(self, kind: str, links: Links, ada: str) -> None:
        make, take = KINDS[kind]
        token = make(links, ada)
        assert [take(links, ada, token, EMAIL) for _ in range(2)] == [True, False]

    def test_is_of_one_account_alone(self, kind: str, links: Links, ada: str) -> None:
        make, take = KINDS[kind]
        token, other = make(links, ada), new_owner()
        assert not take(links, other, token, EMAIL)
        make(links, other)
        assert not take(links, other, token, EMAIL)
        assert take(links, ada, token, EMAIL)

    def test_has_an_end(self, kind: str, links: Links, tokens: LinkTokenRepository, ada: str) -> None:
        make, take = KINDS[kind]
        token = make(links, ada)
        (stored,) = tokens._collection.find({"userId": ObjectId(ada)})
        life = stored["expiresAt"] - stored["createdAt"]
        assert timedelta(minutes=14, seconds=58) < life <= timedelta(minutes=15)
        change = {"expiresAt": datetime.now(UTC) - timedelta(seconds=1)}
        tokens._collection.update_one({"_id": stored["_id"]}, {"$set": change})
        assert not take(links, ada, token, EMAIL)

    def test_takes_the_place_of_the_one_before_and_of_no_other_kind(
        self, kind: str, links: Links, ada: str
    ) -> None:
        made = {each: KINDS[each][0](links, ada) for each in KINDS}
        second = KINDS[kind][0](links, ada)
        assert not KINDS[kind][1](links, ada, made.pop(kind), EMAIL)
        assert KINDS[kind][1](links, ada, second, EMAIL)
        assert all(KINDS[each][1](links, ada, token, EMAIL) for each, token in made.items())

    def test_is_none_of_another_kind(self, kind: str, links: Links, ada: str) -> None:
        token = KINDS[kind][0](links, ada)
        bare = token[-64:]
        others = [each for each in KINDS if each != kind]
        assert not any(KINDS[each][1](links, ada, "0" * 24 + bare, EMAIL) for each in others)
        assert not any(KINDS[each][1](links, ada, bare, EMAIL) for each in others)

    def test_is_random_and_stored_as_a_slow_hash(
        self, kind: str, links: Links, tokens: LinkTokenRepository, ada: str
    ) -> None:
        token = KINDS[kind][0](links, ada)[-64:]
        assert len(bytes.fromhex(token)) == 32
        (stored,) = tokens._collection.find({"userId": ObjectId(ada)})
        assert stored["token"].startswith("$2b$")
        assert token not in str(stored)


@pytest.mark.parametrize("kind", ["verification", "change"])
def test_of_an_address_is_good_for_that_address_only(kind: str, links: Links, ada: str) -> None:
    make, take = KINDS[kind]
    token = make(links, ada)
    # The account has another address by now.
    assert not take(links, ada, token, "other@example.com")
    assert take(links, ada, token, EMAIL)


def test_of_nobody_is_nothing(links: Links, ada: str) -> None:
    token = fields(links.verification(ada, EMAIL))["token"]
    assert links.redeem_verification(None, token) is False
    assert links.redeem_reset("nobody", token) is None
    assert links.redeem_change(EMAIL, "x" * 88) is None


def test_lead_to_the_clients_pages(links: Links, ada: str) -> None:
    reset, verification, change = (
        links.reset(ada, email=EMAIL),
        links.verification(ada, "a+b@example.com"),
        links.change(ada, EMAIL, None),
    )
    assert reset.startswith("https://chat.example.com/c/reset-password?token=")
    assert verification.startswith("https://chat.example.com/c/verify?token=")
    assert change.startswith(f"https://chat.example.com/c/verify?token={ada}")
    assert (fields(reset)["userId"], fields(verification)["email"]) == (ada, "a+b@example.com")
    assert fields(change)["email"] == EMAIL


def test_say_what_they_prove(links: Links, ada: str) -> None:
    by_mail = links.redeem_reset(ada, fields(links.reset(ada, email=EMAIL))["token"])
    by_hand = links.redeem_reset(ada, fields(links.reset(ada))["token"])
    changed = links.redeem_change(EMAIL, fields(links.change(ada, EMAIL, "the mark"))["token"])
    assert by_mail is not None
    assert by_mail["email"] == EMAIL
    assert by_hand is not None
    assert "email" not in by_hand
    assert changed is not None
    assert (changed["userId"], changed["mark"]) == (ObjectId(ada), "the mark")


def test_that_the_operator_makes_can_be_good_for_longer(
    links: Links, tokens: LinkTokenRepository, ada: str
) -> None:
    links.reset(ada, length=timedelta(hours=8))
    stored = tokens.latest(ada, PASSWORD_RESET)
    assert stored is not None
    life = stored["expiresAt"] - stored["createdAt"]
    assert timedelta(hours=7, minutes=59) < life <= timedelta(hours=8)


def test_that_went_to_the_address_before_are_void(
    links: Links, tokens: LinkTokenRepository, ada: str
) -> None:
    change = fields(links.change(ada, EMAIL, "mark"))["token"]
    links.reset(ada)
    links.verification(ada, EMAIL)
    bobs = new_owner()
    links.reset(bobs)
    links.void(ada)
    assert [tokens.latest(ada, kind) for kind in (PASSWORD_RESET, EMAIL_VERIFICATION)] == [None, None]
    assert tokens.latest(bobs, PASSWORD_RESET)
    assert links.redeem_change(EMAIL, change)
