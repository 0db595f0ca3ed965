"""Registration, login in one step or two, refresh and logout."""

from typing import Any

from echo.accounts.service import HalfSignedIn, SignedIn
from echo.accounts.two_factor import Proof
from echo.handling.caller import Caller, ClientInfo
from echo.handling.pending import Pending
from echo.services import Services
from handlers.schemas import auth as schemas
from handlers.schemas import users

Json = dict[str, Any]
Headers = dict[str, str]


def register(services: Services, client: ClientInfo, *, body: Json) -> Json:
    """Create an account; the first one is the administrator's."""
    fields = schemas.registration.load(body)
    del fields["confirm_password"]
    return users.user.dump_one(services.accounts.registration.register(client, **fields))


def login(services: Services, client: ClientInfo, *, body: Json) -> tuple[Json, int, Headers]:
    """Begin a session: an access token in the body, a refresh token in a cookie. Or half of one, and neither."""
    credentials = schemas.login.load(body)
    return _begun(services.accounts.auth.login(credentials["email"], credentials["password"], client))


def verify_two_factor_login(
    services: Services, client: ClientInfo, *, body: Json
) -> tuple[Json, int, Headers]:
    """The other half of a login: by a code of the second factor the session begins."""
    fields = schemas.second_login.load(body)
    signed_in = services.accounts.auth.login_second(fields.pop("temp_token"), Proof(**fields), client)
    return _tokens(signed_in), 200, _cookie(signed_in.cookie)


def refresh_token(
    services: Services, caller: Caller, client: ClientInfo, *, refresh_token: str | None = None
) -> tuple[Json, int, Headers]:
    """A new access token for a session; a refresh token that was sent is exchanged for its successor."""
    signed_in = services.accounts.auth.refresh(caller, refresh_token, client)
    return _tokens(signed_in), 200, _cookie(signed_in.cookie)


def request_password_reset(services: Services, client: ClientInfo, *, body: Json) -> Json:
    """Have a link sent by which another password can be set; the answer is the same for an unknown address."""
    services.accounts.recovery.request_reset(client, **schemas.address.load(body))
    return {"message": "If there is an account with that address, a link is on its way to it."}


def reset_password(services: Services, client: ClientInfo, *, body: Json) -> Json:
    """Set another password by the token of a link; all sessions of the account end."""
    fields = schemas.reset.load(body)
    del fields["confirm_password"]
    services.accounts.recovery.reset(client, **fields)
    return {"message": "The new password is set. Log in with it."}


def logout(services: Services, caller: Caller, client: ClientInfo) -> tuple[Json, int, Headers]:
    """End the session: its access tokens and its refresh token are dead."""
    cookie = services.accounts.auth.logout(caller, client)
    elsewhere = services.accounts.federation.farewell(caller)
    said = {"message": "Logout successful"} | ({"redirect": elsewhere} if elsewhere else {})
    return said, 200, _cookie(cookie)


def exchange_token(services: Services, client: ClientInfo, *, body: Json) -> Pending:
    """A session, or half of one, for an access token of the organisation's OpenID provider."""
    token = schemas.exchange.load(body)["token"]

    async def exchange() -> tuple[Json, int, Headers]:
        return _begun(await services.accounts.federation.exchange(token, client))

    return Pending(exchange)


def _begun(signed_in: SignedIn | HalfSignedIn) -> tuple[Json, int, Headers]:
    if isinstance(signed_in, HalfSignedIn):
        return {"twoFAPending": True, "tempToken": signed_in.token}, 200, {}
    return _tokens(signed_in), 200, _cookie(signed_in.cookie)


def _tokens(signed_in: Any) -> Json:
    return {"token": signed_in.token, "user": users.user.dump_one(signed_in.user)}


def _cookie(cookie: str | None) -> Headers:
    return {} if cookie is None else {"Set-Cookie": cookie}
