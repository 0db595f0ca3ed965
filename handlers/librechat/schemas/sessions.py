"""What a login answers."""

from typing import Any

from echo.accounts.service import HalfSignedIn, SignedIn
from handlers.librechat.schemas import users


def signed_in(outcome: SignedIn | HalfSignedIn) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A session with its cookie, or half of one."""
    if isinstance(outcome, HalfSignedIn):
        return {"twoFAPending": True, "tempToken": outcome.token}, 200, {}
    body = {"token": outcome.token, "user": users.user.dump_one(outcome.user)}
    return body, 200, {} if outcome.cookie is None else {"Set-Cookie": outcome.cookie}
