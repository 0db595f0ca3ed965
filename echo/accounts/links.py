"""Links in mails: each holds a token that is random, stored as a hash, good once and for a short time."""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from echo.accounts.passwords import hash_password, verify_password
from storage.accounts.link_tokens import (
    EMAIL_CHANGE,
    EMAIL_VERIFICATION,
    PASSWORD_RESET,
    LinkTokenRepository,
)
from storage.core.database import Document

# LibreChat's: 32 random bytes in hex, good for a quarter of an hour.
TOKEN_BYTES = 32
MINUTES = 15
NOBODY = "0" * 24
# Of a new address: whose account it is to be, and the token. LibreChat's page shows no other field to the server.
CHANGE_TOKEN = re.compile(r"([0-9a-f]{24})([0-9a-f]{64})")


class Links:
    """Makes links to pages of LibreChat's client, and takes their tokens. bcrypt makes every call a slow one."""

    def __init__(self, tokens: LinkTokenRepository, client: str) -> None:
        self._tokens = tokens
        self._client = client

    def reset(
        self, owner: str, *, email: str | None = None, length: timedelta = timedelta(minutes=MINUTES)
    ) -> str:
        """A link to set another password, in place of the one before; `email` if it is sent there."""
        token = self._issue(owner, PASSWORD_RESET, email, length)
        return f"{self._client}/reset-password?{urlencode({'token': token, 'userId': owner})}"

    def verification(self, owner: str, email: str) -> str:
        """A link that proves an address, in place of the one before."""
        token = self._issue(owner, EMAIL_VERIFICATION, email, timedelta(minutes=MINUTES))
        return f"{self._client}/verify?{urlencode({'token': token, 'email': email})}"

    def change(self, owner: str, email: str, mark: str | None) -> str:
        """A link that makes an address the owner's, in place of the one before; to the page that verifies.

        It is good as long as the owner's password has this mark.
        """
        token = self._issue(owner, EMAIL_CHANGE, email, timedelta(minutes=MINUTES), mark)
        return f"{self._client}/verify?{urlencode({'token': owner + token, 'email': email})}"

    def redeem_change(self, email: str, token: str) -> Document | None:
        """The stored token that makes this address the one of its `userId`, used up; None for any other."""
        found = CHANGE_TOKEN.fullmatch(token)
        owner, secret = (found[1], found[2]) if found else (NOBODY, "")
        return self._redeem(owner, EMAIL_CHANGE, secret, email)

    def void(self, owner: str) -> None:
        """Take all links that were sent to the address before."""
        for kind in (PASSWORD_RESET, EMAIL_VERIFICATION):
            self._tokens.drop(owner, kind)

    def redeem_reset(self, owner: str, token: str) -> Document | None:
        """The stored token that this is, used up; None for any other. Takes as long for one as for the other."""
        return self._redeem(owner, PASSWORD_RESET, token)

    def redeem_verification(self, user: Mapping[str, Any] | None, token: str) -> bool:
        """Whether the token proves the address that this user has; takes as long where there is no user."""
        owner = str(user["_id"]) if user else NOBODY
        stored = self._redeem(owner, EMAIL_VERIFICATION, token, (user or {}).get("email"))
        return stored is not None

    def _issue(
        self, owner: str, kind: str, email: str | None, length: timedelta, mark: str | None = None
    ) -> str:
        token = secrets.token_hex(TOKEN_BYTES)
        self._tokens.issue(
            owner,
            kind,
            token_hash=hash_password(token),
            expires_at=datetime.now(UTC).replace(microsecond=0) + length,
            email=email,
            mark=mark,
        )
        return token

    def _redeem(self, owner: str, kind: str, token: str, email: str | None = None) -> Document | None:
        stored = self._tokens.latest(owner, kind)
        hashed = stored.get("token") if stored else None
        fits = verify_password(token, hashed if isinstance(hashed, str) else None)
        if stored is None or not fits or (email is not None and stored.get("email") != email):
            return None
        return stored if self._tokens.use_up(owner, stored) else None
