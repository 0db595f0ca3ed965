"""Logins by another server: a browser is sent there, and comes back."""

from typing import Any

from echo.accounts.federation.provider import Answer
from echo.handling.caller import ClientInfo
from echo.handling.pending import Pending
from echo.services import Services
from handlers.librechat.schemas.sessions import Reply, redirected

Json = dict[str, Any]
Cookie = str | None
Said = str | None


def begin_openid_login(services: Services, client: ClientInfo, *, echo_login: Cookie = None) -> Pending:
    """Send the browser to the organisation's own provider, with a cookie by which it is known when it comes back."""
    return _begin(services, "openid", client, echo_login)


def begin_google_login(services: Services, client: ClientInfo, *, echo_login: Cookie = None) -> Pending:
    """Send the browser to Google, with a cookie by which it is known when it comes back."""
    return _begin(services, "google", client, echo_login)


def begin_github_login(services: Services, client: ClientInfo, *, echo_login: Cookie = None) -> Pending:
    """Send the browser to GitHub, with a cookie by which it is known when it comes back."""
    return _begin(services, "github", client, echo_login)


def begin_discord_login(services: Services, client: ClientInfo, *, echo_login: Cookie = None) -> Pending:
    """Send the browser to Discord, with a cookie by which it is known when it comes back."""
    return _begin(services, "discord", client, echo_login)


def begin_facebook_login(services: Services, client: ClientInfo, *, echo_login: Cookie = None) -> Pending:
    """Send the browser to Facebook, with a cookie by which it is known when it comes back."""
    return _begin(services, "facebook", client, echo_login)


def begin_apple_login(services: Services, client: ClientInfo, *, echo_login: Cookie = None) -> Pending:
    """Send the browser to Apple, with a cookie by which it is known when it comes back."""
    return _begin(services, "apple", client, echo_login)


def begin_saml_login(services: Services, client: ClientInfo, *, echo_login: Cookie = None) -> Pending:
    """Send the browser to the SAML identity provider, with a cookie by which it is known when it comes back."""
    return _begin(services, "saml", client, echo_login)


def finish_openid_login(
    services: Services,
    client: ClientInfo,
    *,
    echo_login: Cookie = None,
    code: Said = None,
    state: Said = None,
    error: Said = None,
    iss: Said = None,
) -> Pending:
    """A session for who comes back from the organisation's own provider, or the login page with a reason."""
    return _finish(services, "openid", client, echo_login, Answer(code, state, error, iss))


def finish_google_login(
    services: Services,
    client: ClientInfo,
    *,
    echo_login: Cookie = None,
    code: Said = None,
    state: Said = None,
    error: Said = None,
    iss: Said = None,
) -> Pending:
    """A session for who comes back from Google, or the login page with a reason."""
    return _finish(services, "google", client, echo_login, Answer(code, state, error, iss))


def finish_github_login(
    services: Services,
    client: ClientInfo,
    *,
    echo_login: Cookie = None,
    code: Said = None,
    state: Said = None,
    error: Said = None,
    iss: Said = None,
) -> Pending:
    """A session for who comes back from GitHub, or the login page with a reason."""
    return _finish(services, "github", client, echo_login, Answer(code, state, error, iss))


def finish_discord_login(
    services: Services,
    client: ClientInfo,
    *,
    echo_login: Cookie = None,
    code: Said = None,
    state: Said = None,
    error: Said = None,
    iss: Said = None,
) -> Pending:
    """A session for who comes back from Discord, or the login page with a reason."""
    return _finish(services, "discord", client, echo_login, Answer(code, state, error, iss))


def finish_facebook_login(
    services: Services,
    client: ClientInfo,
    *,
    echo_login: Cookie = None,
    code: Said = None,
    state: Said = None,
    error: Said = None,
    iss: Said = None,
) -> Pending:
    """A session for who comes back from Facebook, or the login page with a reason."""
    return _finish(services, "facebook", client, echo_login, Answer(code, state, error, iss))


def finish_apple_login(
    services: Services, client: ClientInfo, *, body: Json, echo_login: Cookie = None
) -> Pending:
    """As for the others, for a form that a page of Apple's sends."""
    answer = Answer(body.get("code"), body.get("state"), body.get("error"), user=body.get("user"))
    return _finish(services, "apple", client, echo_login, answer)


def finish_saml_login(
    services: Services, client: ClientInfo, *, body: Json, echo_login: Cookie = None
) -> Pending:
    """As for the others, for a form that a page of the identity provider's sends."""
    answer = Answer(body["SAMLResponse"], body.get("RelayState"))
    return _finish(services, "saml", client, echo_login, answer)


def _begin(services: Services, provider: str, client: ClientInfo, cookie: Cookie) -> Pending:
    async def begin() -> Reply:
        return redirected(await services.accounts.federation.begin(provider, client, cookie))

    return Pending(begin)


def _finish(services: Services, provider: str, client: ClientInfo, cookie: Cookie, answer: Answer) -> Pending:
    async def finish() -> Reply:
        return redirected(await services.accounts.federation.finish(provider, client, cookie, answer))

    return Pending(finish)
