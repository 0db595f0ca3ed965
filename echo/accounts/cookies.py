"""The refresh token's cookie."""

from werkzeug.http import dump_cookie

from echo.handling.caller import ClientInfo
from echo.http.client import is_loopback

NAME = "refreshToken"


def make_cookie(value: str, *, max_age: int, secure: bool) -> str:
    """A `Set-Cookie` value; `max_age` in seconds, 0 takes the cookie away.

    It says the same as a date (`Expires`), as LibreChat's does: its phone apps read the line by hand, and only that.
    """
    expires = None if max_age else 0
    return dump_cookie(
        NAME, value, max_age=max_age, expires=expires, secure=secure, httponly=True, samesite="Strict"
    )


def must_be_secure(client: ClientInfo, setting: bool | None) -> bool:
    """Whether the cookie is only for TLS: as set, else always except for plain HTTP on this very machine."""
    if setting is not None:
        return setting
    return client.secure or not is_loopback(client.address)
