"""What a login answers."""

from typing import Any

from echo.accounts.federation.panel import PanelSession
from echo.accounts.federation.service import Redirect
from echo.accounts.service import HalfSignedIn, SignedIn
from handlers.librechat.schemas import users

Reply = tuple[None, int, dict[str, Any]]


def signed_in(outcome: SignedIn | HalfSignedIn) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A session with its cookie, or half of one."""
    if isinstance(outcome, HalfSignedIn):
        return {"twoFAPending": True, "tempToken": outcome.token}, 200, {}
    body = {"token": outcome.token, "user": users.user.dump_one(outcome.user)}
    return body, 200, {} if outcome.cookie is None else {"Set-Cookie": outcome.cookie}


def panel_session(outcome: PanelSession) -> dict[str, Any]:
    """The same for the admin panel, which keeps the refresh token itself."""
    session = outcome.signed_in
    body = {
        "token": session.token,
        "user": users.user.dump_one(session.user),
        "expiresAt": outcome.expires_at,
    }
    return body | ({"refreshToken": session.refresh_token} if session.refresh_token else {})


def redirected(redirect: Redirect) -> Reply:
    """The answer that sends a browser somewhere."""
    headers: dict[str, Any] = {
        "Location": redirect.location,
        "Cache-Control": "no-store",
        # What is in the address (a code, half a login) is nobody else's to see.
        "Referrer-Policy": "no-referrer",
    }
    if redirect.cookies:
        headers["Set-Cookie"] = list(redirect.cookies)
    return None, 302, headers
