"""Who gets which letter about an account, and who gets none."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from bson import ObjectId

from echo.accounts import letters
from echo.accounts.links import Links
from echo.accounts.writing import AccountWriter, Notices, has_password
from echo.mail import Letter, Post
from echo.settings import Settings
from storage.accounts.mails import Mail
from storage.accounts.users import UserRepository
from storage.core.database import Database
from tests.support.chats import new_owner

CLIENT = "https://chat.example.com/c"
SETTINGS = cast("Settings", SimpleNamespace(app_title="Ask", domain_client=CLIENT))


class Made:
    """Links that say what they were made of."""

    def __init__(self) -> None:
        self.made = 0

    def _link(self, *parts: str | None) -> str:
        self.made += 1
        return f"{CLIENT}/{'/'.join(map(str, parts))}"

    def reset(self, owner: str, *, email: str | None = None) -> str:
        return self._link("reset", owner, email)

    def verification(self, owner: str, email: str) -> str:
        return self._link("verification", owner, email)

    def change(self, owner: str, email: str, mark: str | None) -> str:
        return self._link("change", owner, email, mark)


class Desk:
    """A writer, the users that it looks for, and the links that it makes."""

    def __init__(self, database: Database) -> None:
        self.links = Made()
        self._stored = database.collection("users")
        self._write = AccountWriter(SETTINGS, UserRepository(database), cast("Links", self.links))

    def user(self, **fields: Any) -> tuple[str, str]:
        """The id and the address of an account as it is stored; one with a password without more."""
        owner, email = ObjectId(), f"{ObjectId()}@example.com"
        self._stored.insert_one(
            {
                "_id": owner,
                "email": email,
                "provider": "local",
                "password": "x",
                "emailVerified": True,
                **fields,
            }
        )
        return str(owner), email

    def write(self, kind: str, to: str, owner: str | None = None, mark: str | None = None) -> Letter | None:
        return self._write(Mail(ObjectId(), kind, to, owner, 1, mark))


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def nobody() -> str:
    return f"{ObjectId()}@example.com"


class TestReset:
    def test_is_a_link_of_the_account_to_this_address(self, desk: Desk) -> None:
        owner, email = desk.user()
        link = f"{CLIENT}/reset/{owner}/{email}"
        assert desk.write("password_reset", email) == letters.reset("Ask", link, 15)

    @pytest.mark.parametrize("fields", [{"provider": "openid"}, {"password": ""}, {"password": None}])
    def test_is_for_nobody_whose_account_has_no_password(self, desk: Desk, fields: dict[str, Any]) -> None:
        _, email = desk.user(**fields)
        assert desk.write("password_reset", email) is None
        assert desk.links.made == 0


class TestVerification:
    @pytest.mark.parametrize("fields", [{"emailVerified": False}, {"emailVerified": None}])
    def test_is_a_link_of_the_account_for_this_address(self, desk: Desk, fields: dict[str, Any]) -> None:
        owner, email = desk.user(**fields)
        link = f"{CLIENT}/verification/{owner}/{email}"
        assert desk.write("email_verification", email) == letters.verification("Ask", link, 15)

    def test_is_for_nobody_who_has_verified_the_address(self, desk: Desk) -> None:
        _, email = desk.user(emailVerified=True)
        assert desk.write("email_verification", email) is None
        assert desk.links.made == 0

    def test_is_not_what_is_written_of_another_kind(self, desk: Desk) -> None:
        _, email = desk.user(emailVerified=False, provider="openid")
        assert desk.write("password_reset", email) is None


class TestChange:
    def test_is_a_link_of_the_owner_for_an_address_that_nobody_has(self, desk: Desk) -> None:
        owner, email = new_owner(), nobody()
        link = f"{CLIENT}/change/{owner}/{email}/mark"
        assert desk.write("email_change", email, owner, "mark") == letters.change("Ask", link, 15)

    def test_tells_whose_address_it_is_that_there_is_an_account(self, desk: Desk) -> None:
        _, email = desk.user()
        assert desk.write("email_change", email, new_owner(), "mark") == letters.taken("Ask", CLIENT)
        assert desk.links.made == 0

    def test_of_no_owner_is_nothing(self, desk: Desk) -> None:
        assert desk.write("email_change", nobody()) is None
        assert desk.links.made == 0


def test_who_has_an_account_is_told_so(desk: Desk) -> None:
    _, email = desk.user()
    assert desk.write("address_taken", email) == letters.taken("Ask", CLIENT)


@pytest.mark.parametrize("kind", ["password_reset", "email_verification", "address_taken"])
def test_nobody_gets_no_letter(desk: Desk, kind: str) -> None:
    """Also where the mail names an owner: only a change is for an address that is no account's."""
    assert desk.write(kind, nobody(), new_owner(), "mark") is None
    assert desk.links.made == 0


def test_notices_go_to_addresses_that_are_no_accounts_any_more(desk: Desk) -> None:
    letter = desk.write("email_changed", nobody())
    assert letter is not None
    assert letter == letters.NOTICES["email_changed"]("Ask")
    assert letter.subject == "Your e-mail address at Ask was changed"


class Box:
    """A post that notes what is put into it."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.told: list[tuple[str, str]] = []

    def notify(self, kind: str, to: str) -> None:
        self.told.append((kind, to))


class TestNotices:
    def tell(self, database: Database, owner: str, *, works: bool = True) -> list[tuple[str, str]]:
        box = Box(works=works)
        Notices(UserRepository(database), cast("Post", box)).tell(owner, "two_factor_on")
        return box.told

    def test_go_to_the_users_address(self, database: Database, desk: Desk) -> None:
        owner, email = desk.user()
        assert self.tell(database, owner) == [("two_factor_on", email)]

    def test_are_not_looked_up_where_no_mail_is_sent(self, database: Database, desk: Desk) -> None:
        owner, _ = desk.user()
        assert self.tell(database, owner, works=False) == []

    @pytest.mark.parametrize("email", ["", ["ada@example.com"]])
    def test_go_to_no_account_without_an_address(self, database: Database, desk: Desk, email: object) -> None:
        owner, _ = desk.user(email=email)
        assert self.tell(database, owner) == []

    def test_for_a_user_who_is_gone_are_none(self, database: Database) -> None:
        assert self.tell(database, new_owner()) == []


@pytest.mark.parametrize(
    ("user", "has"),
    [
        ({"provider": "local", "password": "x"}, True),
        # Accounts of LibreChat's first versions have no provider.
        ({"password": "x"}, True),
        ({"provider": None, "password": "x"}, True),
        ({"provider": "openid", "password": "x"}, False),
        ({"provider": "local", "password": ""}, False),
        ({"provider": "local"}, False),
        ({"provider": "openid"}, False),
        ({}, False),
    ],
)
def test_an_account_with_a_password_is_a_local_one_that_has_one(user: dict[str, Any], has: bool) -> None:
    assert has_password(user) is has
