"""Stand-ins for what a login by another server goes through."""

from typing import Any

from bson import ObjectId

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.identity import Identity, Policy
from echo.accounts.federation.provider import Answer
from echo.accounts.service import HalfSignedIn, SignedIn
from echo.handling.caller import ClientInfo
from storage.core.database import Database


def stored_user(database: Database, **fields: Any) -> dict[str, Any]:
    """An account as LibreChat left it: of an OpenID provider's, unless another is said."""
    user = {
        "_id": ObjectId(),
        "name": "Old",
        "username": "old",
        "email": f"{ObjectId()}@example.com",
        "provider": "openid",
        "role": "USER",
        **fields,
    }
    database.collection("users").insert_one(user)
    return user


class LoginWorld:
    """Attempts and the provider: notes what is asked of them in `asked`, and fails where `fails` has the name."""

    name = "openid"
    policy = Policy(registers=True)
    comes_by_form = False

    def __init__(
        self, attempt: Attempt, client: ClientInfo, identified: Identity, signed_in: SignedIn | HalfSignedIn
    ) -> None:
        self.fails: dict[str, Exception] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.attempt = attempt
        self.client = client
        self.identified = identified
        self.signed_in = signed_in

    def _note(self, name: str, *arguments: Any) -> None:
        self.asked.append((name, *arguments))
        if error := self.fails.get(name):
            raise error

    def take(self, provider: str, state: str | None, browser: str | None) -> Attempt:
        self._note("take", provider, state, browser)
        return self.attempt

    def cookie(self, attempt: Attempt, client: ClientInfo, *, cross_site: bool) -> str:
        assert (attempt, client) == (self.attempt, self.client)
        return f"cookie; cross_site={cross_site}"

    async def address(self, attempt: Attempt) -> str:
        self._note("address", attempt)
        return "https://sso.example.com/login"

    async def identity(self, attempt: Attempt, answer: Answer, code: str) -> Identity:
        self._note("identity", attempt, answer, code)
        return self.identified
