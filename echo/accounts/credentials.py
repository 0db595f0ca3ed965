"""Whose a name and a password are: by what is stored here. By a directory: see `federation.directory`."""

from typing import Any, Protocol

from echo.accounts.passwords import verify_password
from echo.errors import Unauthorized
from storage.accounts.users import UserRepository

User = dict[str, Any]


class Credentials(Protocol):
    """One way to find out; one that `vouches` lets in whom it knows, whether an address is verified or not."""

    vouches: bool

    def holder(self, name: str, password: str) -> User:
        """The account that both are of. Raises `Unauthorized`, with one text for all that can be wrong with them."""
        ...


def wrong_credentials() -> Unauthorized:
    """What is answered whatever is wrong, so that nobody learns who has an account."""
    return Unauthorized("The e-mail address or the password is wrong.", code="wrong_credentials")


class StoredCredentials:
    """By e-mail addresses and hashes in the `users` collection; every failure takes the same time."""

    vouches = False

    def __init__(self, users: UserRepository) -> None:
        self._users = users

    def holder(self, name: str, password: str) -> User:
        """See `Credentials`."""
        user = self._users.find_by_email(name.strip())
        if not verify_password(password, user.get("password") if user else None) or user is None:
            raise wrong_credentials()
        return user
