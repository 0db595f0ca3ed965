"""Whose a name and a password are: one answer for all that can be wrong, after one check of a hash."""

import pytest
from bson import ObjectId

from echo.accounts import credentials
from echo.accounts.credentials import StoredCredentials
from echo.accounts.passwords import hash_password
from echo.errors import Unauthorized
from storage.accounts.users import UserRepository
from storage.core.database import Database

PASSWORD = "correct horse 1 battery"


@pytest.fixture
def stored(database: Database) -> StoredCredentials:
    return StoredCredentials(UserRepository(database))


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


def account(database: Database, hashed: str | None) -> str:
    """The address of a new account."""
    email = f"ada-{ObjectId()}@example.com"
    database.collection("users").insert_one(
        {"email": email, "provider": "local"} | ({} if hashed is None else {"password": hashed})
    )
    return email


def test_the_account_is_the_one_of_the_address_however_that_is_typed(
    stored: StoredCredentials, database: Database, hashed: str
) -> None:
    email = account(database, hashed)
    assert stored.holder(email, PASSWORD)["email"] == email
    assert stored.holder(f" {email.upper()}\n", PASSWORD)["email"] == email


def test_nobody_is_let_in_whose_address_is_not_verified() -> None:
    """A directory says of whom it knows that they may come in; an address that was typed says nothing."""
    assert StoredCredentials.vouches is False


@pytest.mark.parametrize("case", ["no account", "no password", "another password"])
def test_all_that_can_be_wrong_is_answered_alike_after_one_check(
    stored: StoredCredentials, database: Database, hashed: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[tuple[str, str | None]] = []

    def verify(password: str, hashed: str | None) -> bool:
        checked.append((password, hashed))
        return False

    monkeypatch.setattr(credentials, "verify_password", verify)
    email = {
        "no account": lambda: f"{ObjectId()}@example.com",
        "no password": lambda: account(database, None),
        "another password": lambda: account(database, hashed),
    }[case]()
    with pytest.raises(Unauthorized) as refused:
        stored.holder(email, "another one")
    assert refused.value.code == "wrong_credentials"
    assert refused.value.message == "The e-mail address or the password is wrong."
    # It takes as long as a right one: the password is held against a hash, and where there is none, against another.
    assert checked == [("another one", hashed if case == "another password" else None)]


def test_a_password_that_fits_nobodys_hash_is_nobodys(
    stored: StoredCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "verify_password", lambda *_: True)
    with pytest.raises(Unauthorized):
        stored.holder(f"{ObjectId()}@example.com", PASSWORD)
