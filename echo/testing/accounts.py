"""The two users of a test run: registered at the server, or who the caller has tokens for."""

import json
from collections.abc import Sequence
from typing import Any

import requests

USERS = ("ada", "bob")
# Not the one of the examples: by that, accounts could be deleted, and passwords changed.
PASSWORD = "no example 4 anybody"  # noqa: S105 - of accounts that are made for tests
# LibreChat refuses programs that do not say that they are a browser.
BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
HEADERS = {"User-Agent": BROWSER}
SECONDS = 30


class ServerUnusable(Exception):
    """A server does not answer, or lets nobody in; one sentence for people."""


def prepare_users(url: str) -> None:
    """See that both accounts are there, and can log in. Raises `ServerUnusable`.

    Who can log in already is not registered again: a LibreChat takes five registrations an hour.
    """
    for name in USERS:
        if _login(url, name).status_code != 200:
            sign_up(url, name)
            log_in(url, name)


def know_tokens(url: str, tokens: Sequence[str]) -> None:
    """See that the server knows the users of these access tokens. Raises `ServerUnusable`.

    All that a wrong one asks for is refused, which is no finding.
    """
    for number, token in enumerate(tokens, 1):
        try:
            answer = requests.get(
                f"{url}/api/user", headers={**HEADERS, "Authorization": f"Bearer {token}"}, timeout=SECONDS
            )
        except requests.RequestException as error:
            raise ServerUnusable(f"{url} does not answer.") from error
        if answer.status_code == 401:
            raise ServerUnusable(f"Token {number} is refused by GET {url}/api/user: {_said(answer)}")


def sign_up(url: str, name: str) -> None:
    """Register a user, who may be there with another password. Raises `ServerUnusable`."""
    registration = {**credentials(name), "name": name, "confirm_password": PASSWORD}
    answer = _post(f"{url}/api/auth/register", registration)
    # LibreChat answers 200 in either case.
    if answer.status_code not in (200, 201, 409):
        raise ServerUnusable(f"{name} cannot register at {url}: {_said(answer)}")


def log_in(url: str, name: str) -> str:
    """The access token of an account. Raises `ServerUnusable`.

    That it is there and has the password LibreChat does not say when it registers somebody.
    """
    answer = _login(url, name)
    if answer.status_code != 200 or "token" not in answer.text:
        raise ServerUnusable(f"{name} cannot log in at {url}: {_said(answer)}")
    return str(answer.json()["token"])


def credentials(name: str) -> dict[str, str]:
    """With what a user logs in."""
    return {"email": f"contract-{name}@example.com", "password": PASSWORD}


def wfc(tokens: tuple[str, ...]) -> dict[str, Any]:
    """How the users authenticate, in the Web Fuzzing Commons form: by these tokens, or by logging in."""
    if not tokens:
        return {"auth": [login_of(name) for name in USERS]}
    pairs = zip(USERS, tokens, strict=False)
    return {"auth": [{"name": name, "fixedHeaders": [bearer(token)]} for name, token in pairs]}


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"name": "Authorization", "value": f"Bearer {token}"}


def login_of(name: str) -> dict[str, Any]:
    """How a user logs in, in the Web Fuzzing Commons form."""
    return {
        "name": name,
        "loginEndpointAuth": {
            "endpoint": "/api/auth/login",
            "verb": "POST",
            "contentType": "application/json",
            "headers": [{"name": "User-Agent", "value": BROWSER}],
            "payloadRaw": json.dumps(credentials(name)),
            "token": {
                "extractFrom": "body",
                "extractSelector": "/token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }


def _login(url: str, name: str) -> requests.Response:
    return _post(f"{url}/api/auth/login", credentials(name))


def _post(address: str, body: dict[str, str]) -> requests.Response:
    try:
        return requests.post(address, json=body, headers=HEADERS, timeout=SECONDS)
    except requests.RequestException as error:
        raise ServerUnusable(f"{address} does not answer.") from error


def _said(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.text[:300]}"
