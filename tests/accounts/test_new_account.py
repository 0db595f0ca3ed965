"""Accounts as they are made and read: what is stored, which caller a user is, in which form an address is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from echo.accounts.new_account import caller_of, create_account, normalize_email
from echo.accounts.passwords import verify_password
from echo.errors import Conflict, FieldError, InvalidRequest
from echo.handling.caller import Caller
from storage.accounts.users import UserRepository
from storage.core.database import Database

PASSWORD = "correct horse 1 battery"


def create(database: Database, **fields: Any) -> dict[str, Any]:
    account = {
        "name": "Grace Hopper",
        "email": f"grace-{ObjectId()}@example.com",
        "username": "grace",
        "password": PASSWORD,
        **fields,
    }
    users = UserRepository(database)
    made = create_account(users, **account)
    stored = users.get(str(made["_id"]))
    assert stored["email"] == account["email"]
    return dict(stored)


@pytest.fixture(autouse=True)
def _not_the_first(database: Database) -> None:
    """Whoever comes first is the administrator."""
    create(database)


class TestCreate:
    def test_stores_what_is_given_and_the_password_as_a_hash(self, database: Database) -> None:
        user = create(database)
        assert {name: user[name] for name in ("name", "username", "provider", "role", "emailVerified")} == {
            "name": "Grace Hopper",
            "username": "grace",
            "provider": "local",
            "role": "USER",
            "emailVerified": True,
        }
        assert verify_password(PASSWORD, user["password"])
        assert "expiresAt" not in user

    def test_without_a_user_name_stores_an_empty_one(self, database: Database) -> None:
        assert create(database, username=None)["username"] == ""

    def test_gives_the_role_that_is_given(self, database: Database) -> None:
        assert create(database, role="ADMIN")["role"] == "ADMIN"

    def test_lets_one_that_waits_for_its_address_go_some_day(self, database: Database) -> None:
        waiting = create(database, verified=False)
        assert (waiting["emailVerified"], "expiresAt" in waiting) == (False, False)
        leaving = create(database, verified=False, lasting=False)
        assert leaving["emailVerified"] is False
        left = leaving["expiresAt"] - datetime.now(UTC)
        assert timedelta(days=6, hours=23) < left <= timedelta(days=7)

    def test_refuses_an_address_that_is_taken(self, database: Database) -> None:
        email = create(database)["email"]
        with pytest.raises(Conflict) as refused:
            create(database, email=email, name="Somebody else")
        assert refused.value.code == "email_taken"
        assert refused.value.message == "That email is already registered."
        assert refused.value.errors == (FieldError("email", "already taken"),)
        assert database.collection("users").count_documents({"email": email}) == 1


class TestCaller:
    def test_is_what_is_stored_of_the_user(self) -> None:
        user = {
            "_id": ObjectId("a" * 24),
            "email": "ada@example.com",
            "username": "ada",
            "provider": "openid",
            "role": "ADMIN",
        }
        assert caller_of(user, "s") == Caller(
            id="a" * 24,
            session_id="s",
            email="ada@example.com",
            username="ada",
            provider="openid",
            role="ADMIN",
        )

    @pytest.mark.parametrize("missing", [{}, dict.fromkeys(("email", "username", "provider", "role"))])
    def test_is_a_plain_local_user_where_an_older_document_lacks_it(self, missing: dict[str, None]) -> None:
        assert caller_of({"_id": "1", **missing}, "s") == Caller("1", "s", "", "", "local", "USER")


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("ada@example.com", "ada@example.com"),
            ("Ada.L+chat@Example.COM", "ada.l+chat@example.com"),
            ("ada@BÜCHER.example", "ada@bücher.example"),
            # One letter in two ways of writing it is one address.
            ("A\u0308da@example.com", "\u00e4da@example.com"),
            # Servers that are tried out have these.
            ("ada@host.test", "ada@host.test"),
            # No name server is asked: nobody has this domain.
            ("ada@no-such-domain-anywhere.com", "ada@no-such-domain-anywhere.com"),
        ],
    )
    def test_are_kept_in_one_form(self, given: str, kept: str) -> None:
        assert normalize_email(given) == kept

    @pytest.mark.parametrize(
        "given", ["", "ada", "@example.com", "ada@", "ada@localhost", "a b@example.com", "ada@host.local"]
    )
    def test_that_are_none_are_refused(self, given: str) -> None:
        with pytest.raises(InvalidRequest) as refused:
            normalize_email(given)
        assert refused.value.errors == (FieldError("email", "is not a valid e-mail address"),)
