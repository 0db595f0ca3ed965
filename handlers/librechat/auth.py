"""Registration, login, refresh: as in the first contract, with the user in LibreChat's shape."""

from typing import Any

from echo.accounts.two_factor import Proof
from echo.errors import Unauthorized
from echo.handling.caller import Caller, ClientInfo
from echo.services import Services
from handlers.librechat.schemas.sessions import signed_in
from handlers.schemas import auth as schemas

REGISTERED = "Registered. Log in with your e-mail address and your password."
CHECK_MAIL = "Registered. Confirm your e-mail address by the link that is on its way to it."
Json = dict[str, Any]
Headers = dict[str, str]


def register(services: Services, client: ClientInfo, *, body: Json) -> Json:
    """Create an account, and say the same where there is one of that address."""
    fields = schemas.registration.load(body)
    del fields["confirm_password"]
    services.accounts.registration.register_quietly(client, **fields)
    return {"message": CHECK_MAIL if services.accounts.post.works else REGISTERED}


def login(services: Services, client: ClientInfo, *, body: Json) -> tuple[Json, int, Headers]:
    """Begin a session, or half of one where the account has a second factor."""
    credentials = schemas.login.load(body)
    return signed_in(services.accounts.auth.login(credentials["email"], credentials["password"], client))


def verify_two_factor_login(
    services: Services, client: ClientInfo, *, body: Json
) -> tuple[Json, int, Headers]:
    """The other half of a login."""
    fields = schemas.second_login.load(body)
    return signed_in(services.accounts.auth.login_second(fields.pop("temp_token"), Proof(**fields), client))


def refresh_token(
    services: Services,
    caller: Caller | None,
    client: ClientInfo,
    *,
    refresh_token: str | None = None,
    retry: str | None = None,
) -> tuple[Json | str, int, Headers]:
    """A new access token; who has no session yet is told so with status 200, as clients ask at their start."""
    if caller is None and refresh_token:
        raise Unauthorized("The session has ended; log in again.", code="session_expired")
    if caller is None:
        return "Refresh token not provided", 200, {"Content-Type": "text/plain; charset=utf-8"}
    return signed_in(services.accounts.auth.refresh(caller, refresh_token, client))
