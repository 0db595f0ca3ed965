"""Logins to LibreChat's admin panel by another server."""

from functools import partial
from typing import Any

from echo.access.capabilities import ACCESS_ADMIN
from echo.accounts.federation.panel import Admit
from echo.accounts.federation.provider import Answer
from echo.handling.caller import ClientInfo
from echo.handling.pending import Pending
from echo.services import Services
from handlers.librechat.schemas.sessions import Reply, panel_session, redirected

Json = dict[str, Any]
Said = str | None


def check_panel_login(services: Services) -> Json:
    """Whether administrators can come in by the organisation's own provider."""
    services.accounts.panel_logins.demand("openid")
    return {"message": "OpenID check successful"}


def begin_panel_login(
    services: Services,
    client: ClientInfo,
    *,
    login_provider: str,
    code_challenge: str,
    echo_login: Said = None,
) -> Pending:
    """Send the browser of an administrator to a provider."""

    async def begin() -> Reply:
        logins = services.accounts.panel_logins
        return redirected(await logins.begin(login_provider, code_challenge, client, echo_login))

    return Pending(begin)


def finish_panel_login(
    services: Services,
    client: ClientInfo,
    *,
    login_provider: str,
    echo_login: Said = None,
    code: Said = None,
    state: Said = None,
    error: Said = None,
    iss: Said = None,
) -> Pending:
    """Send the browser that comes back to the panel, with a code or a reason."""
    return _finish(services, login_provider, client, echo_login, Answer(code, state, error, iss))


def finish_panel_login_by_form(
    services: Services, client: ClientInfo, *, login_provider: str, body: Json, echo_login: Said = None
) -> Pending:
    """The same for a form that a page of Apple's or of a SAML identity provider's sends."""
    code, state = body.get("SAMLResponse") or body.get("code"), body.get("RelayState") or body.get("state")
    answer = Answer(code, state, body.get("error"), user=body.get("user"))
    return _finish(services, login_provider, client, echo_login, answer)


def exchange_panel_code(services: Services, client: ClientInfo, *, body: Json, origin: Said = None) -> Json:
    """A session for the code that the panel's page was given."""
    logins = services.accounts.panel_logins
    code, verifier = body["code"], body["code_verifier"]
    return panel_session(logins.exchange(code, verifier, origin, client, _admit(services)))


def refresh_panel_session(services: Services, client: ClientInfo, *, body: Json) -> Json:
    """A new access token and a new refresh token for a session of the panel."""
    token, owner = body["refresh_token"], body.get("user_id")
    return panel_session(services.accounts.panel_logins.refresh(token, owner, client, _admit(services)))


def _finish(services: Services, name: str, client: ClientInfo, cookie: Said, answer: Answer) -> Pending:
    async def finish() -> Reply:
        logins = services.accounts.panel_logins
        return redirected(await logins.finish(name, client, cookie, answer, _admit(services)))

    return Pending(finish)


def _admit(services: Services) -> Admit:
    return partial(services.capabilities.demand_one, ACCESS_ADMIN)
