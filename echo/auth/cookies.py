"""The refresh token's cookie."""

from http.cookies import SimpleCookie

from echo.http.client import is_loopback
from echo.services import ClientInfo

NAME = "refreshToken"


def make_cookie(value: str, *, max_age: int, secure: bool) -> str:
    """A `Set-Cookie` value; `max_age` in seconds, 0 takes the cookie away."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[NAME] = value
    morsel = cookie[NAME]
    morsel["httponly"] = True
    morsel["samesite"] = "Strict"
    morsel["path"] = "/"
    morsel["max-age"] = max_age
    if secure:
        morsel["secure"] = True
    return morsel.OutputString()


def must_be_secure(client: ClientInfo, setting: bool | None) -> bool:
    """Whether the cookie is only for TLS: as set, else always except for plain HTTP on this very machine."""
    if setting is not None:
        return setting
    return client.secure or not is_loopback(client.address)
