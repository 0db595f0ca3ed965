"""Access and refresh tokens, and those of half a login: JWTs (RFC 7519) by the rules of RFC 8725.

An access token carries what LibreChat's carries (`id`, `username`, `provider`, `email`) and what Echo needs.
A refresh token has LibreChat's claims too, so a cookie that LibreChat set is still good after a move. They differ in
key, in type or in audience, so that none passes for another.
"""

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from echo.handling.caller import Caller

ALGORITHM = "HS256"
ACCESS_TYPE = "at+jwt"
# Of a login that waits for the second factor: five minutes, as in LibreChat.
PENDING_TYPE = "2fa+jwt"
PENDING_SECONDS = 5 * 60
ISSUER = "echo-api"
AUDIENCE = "echo-api"
PENDING_AUDIENCE = "echo-api/2fa"
# How MongoDB's ids are written, which those of users and sessions are.
OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
TIMES = ("exp", "iat", "nbf")
# Beyond it a number is not exact for whoever reads JSON as JavaScript does.
LAST_SECOND = 2**53


class InvalidToken(Exception):
    """The token is not one of ours, not of this kind, or has expired."""


@dataclass(frozen=True)
class AccessClaims:
    """What an access token states; `expires_at` is in seconds since 1970."""

    caller: Caller
    expires_at: int


@dataclass(frozen=True)
class RefreshClaims:
    """What a refresh token states."""

    owner: str
    session_id: str


@dataclass(frozen=True)
class PendingClaims:
    """What the token of half a login states: whose password was right, and which password that was."""

    owner: str
    password_mark: str


@dataclass(frozen=True)
class Tokens:
    """Makes and reads every kind of token. Times are in seconds."""

    access_key: str
    refresh_key: str
    access_seconds: int
    refresh_seconds: int

    def make_access(self, caller: Caller, *, session_end: datetime | None = None) -> str:
        """A signed access token, which expires with its session if that ends before."""
        now = int(time.time())
        claims = {
            "id": caller.id,
            "username": caller.username,
            "provider": caller.provider,
            "email": caller.email,
            "role": caller.role,
            "sid": caller.session_id,
            "sub": caller.id,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": _first_end(now + self.access_seconds, session_end),
        }
        return jwt.encode(claims, self.access_key, ALGORITHM, headers={"typ": ACCESS_TYPE})

    def read_access(self, token: str) -> AccessClaims:
        """The claims of a valid access token; raises `InvalidToken`."""
        claims = _decode(
            token,
            self.access_key,
            issuer=ISSUER,
            audience=AUDIENCE,
            ids=("sub", "sid"),
            texts=("email", "username", "provider", "role"),
            token_type=ACCESS_TYPE,
        )
        caller = Caller(
            id=claims["sub"],
            session_id=claims["sid"],
            email=claims["email"],
            username=claims["username"],
            provider=claims["provider"],
            role=claims["role"],
        )
        return AccessClaims(caller, int(claims["exp"]))

    def make_refresh(self, owner: str, session_id: str) -> str:
        """The first refresh token of a session, signed; no two are equal."""
        now = int(time.time())
        return self._refresh(
            owner, session_id, jti=secrets.token_urlsafe(16), iat=now, exp=now + self.refresh_seconds
        )

    def make_successor(
        self, token: str, claims: RefreshClaims, *, issued_at: int, session_end: datetime
    ) -> str:
        """The refresh token that follows another one: the same for the same arguments, in every process.

        So whoever has the key, the token before it and the second in which it was exchanged can make it again, though
        only its hash is stored. Without the key nobody can. It expires with its session.
        """
        mark = hmac.new(self.refresh_key.encode(), f"successor:{token}".encode(), "sha256").hexdigest()
        return self._refresh(
            claims.owner, claims.session_id, jti=mark, iat=issued_at, exp=int(session_end.timestamp())
        )

    def _refresh(self, owner: str, session_id: str, *, jti: str, iat: int, exp: int) -> str:
        claims = {"id": owner, "sessionId": session_id, "jti": jti, "iat": iat, "exp": exp}
        return jwt.encode(claims, self.refresh_key, ALGORITHM)

    def read_refresh(self, token: str) -> RefreshClaims:
        """The claims of a valid refresh token; raises `InvalidToken`."""
        claims = _decode(token, self.refresh_key, ids=("id", "sessionId"))
        return RefreshClaims(claims["id"], claims["sessionId"])

    def make_pending(self, owner: str, password_hash: str | None) -> str:
        """A signed token that says: this user lacks only the second factor, and nothing more. It opens nothing.

        It is of no use any more when the user has another password.
        """
        now = int(time.time())
        claims = {
            "sub": owner,
            "pwd": self.mark_of(password_hash),
            "iss": ISSUER,
            "aud": PENDING_AUDIENCE,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + PENDING_SECONDS,
        }
        return jwt.encode(claims, self.access_key, ALGORITHM, headers={"typ": PENDING_TYPE})

    def read_pending(self, token: str) -> PendingClaims:
        """The claims of the token of half a login; raises `InvalidToken`."""
        claims = _decode(
            token,
            self.access_key,
            issuer=ISSUER,
            audience=PENDING_AUDIENCE,
            ids=("sub",),
            texts=("pwd",),
            token_type=PENDING_TYPE,
        )
        return PendingClaims(claims["sub"], claims["pwd"])

    def mark_of(self, password_hash: str | None) -> str:
        """What tells one password from the next without telling anything of it, to whoever has not our key."""
        return hmac.new(self.access_key.encode(), f"password:{password_hash}".encode(), "sha256").hexdigest()

    def pending_owner(self, token: str) -> str | None:
        """Whose half of a login a token is, None for what is no such token."""
        try:
            return self.read_pending(token).owner
        except InvalidToken:
            return None


def _first_end(end: int, session_end: datetime | None) -> int:
    """The earlier of two ends, in seconds since 1970."""
    return end if session_end is None else min(end, int(session_end.timestamp()))


def hash_refresh_token(token: str) -> str:
    """The form in which a refresh token is stored: SHA-256 in hex, as LibreChat stores it."""
    return hash_token(token)


def hash_token(token: str) -> str:
    """The form in which LibreChat stores a token that is random enough to need no slow hash: SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def _decode(
    token: str,
    key: str,
    *,
    ids: tuple[str, ...],
    texts: tuple[str, ...] = (),
    issuer: str | None = None,
    audience: str | None = None,
    token_type: str | None = None,
) -> dict[str, Any]:
    """The claims of a token, among them these, each of its type; raises `InvalidToken`."""
    try:
        decoded = jwt.decode_complete(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=issuer,
            audience=audience,
            options={"require": ["exp", *(["iss", "aud"] if issuer else []), *ids, *texts]},
        )
    except (jwt.PyJWTError, ArithmeticError, TypeError, ValueError) as error:
        # The library computes with claims, and compares them, before it knows what they are.
        raise InvalidToken from error
    claims: dict[str, Any] = decoded["payload"]
    fitting = (
        all(_is_id(claims[name]) for name in ids)
        and all(_is_text(claims[name]) for name in texts)
        and all(_is_time(claims[name]) for name in TIMES if name in claims)
    )
    if not fitting or (token_type and decoded["header"].get("typ") != token_type):
        raise InvalidToken
    return claims


def _is_id(claim: Any) -> bool:
    return isinstance(claim, str) and OBJECT_ID.fullmatch(claim) is not None


def _is_text(claim: Any) -> bool:
    """Whether it is text that can be written down: JSON's escapes make halves of characters too."""
    return isinstance(claim, str) and not any("\ud800" <= letter <= "\udfff" for letter in claim)


def _is_time(claim: Any) -> bool:
    """Whether it is a number of seconds since 1970 (RFC 7519, section 2, NumericDate)."""
    return isinstance(claim, int | float) and not isinstance(claim, bool) and 0 <= claim <= LAST_SECOND
