"""Requests to the code interpreter that say for whom they are: LibreChat's signed tokens (`CODEAPI_JWT_...`).

Header, claims and their hash are those of LibreChat 0.8.8. The service checks them by the public key.
"""

import hashlib
import time
import uuid
from collections.abc import Callable
from threading import Lock

import jwt
import orjson

from echo.settings.tools import CodeSigning

# LibreChat's: a token is not used again that ends so soon.
SAFETY_SECONDS = 30
MOST_REMEMBERED = 2000
# Who has logged in here, whichever way, has a token of ours.
SOURCE = "librechat_jwt"


class Signer:
    """Makes tokens for users; `account` gives the role of one, and the id that a directory has for them."""

    def __init__(self, settings: CodeSigning, account: Callable[[str], tuple[str, str | None]]) -> None:
        self._settings = settings
        self._account = account
        self._made: dict[tuple[str, str, str], tuple[str, float]] = {}
        self._lock = Lock()

    def token(self, owner: str) -> str:
        """A token for a user, perhaps one made a moment ago; for threads."""
        role, directory_id = self._account(owner)
        key, now = (owner, role, directory_id or ""), time.time()
        with self._lock:
            token, until = self._made.get(key, ("", 0.0))
            if until > now:
                return token
            if len(self._made) >= MOST_REMEMBERED:
                self._made.clear()
            token = self._signed(*key, int(now))
            settings = self._settings
            self._made[key] = token, now + min(settings.reuse_seconds, settings.seconds - SAFETY_SECONDS)
            return token

    def _signed(self, owner: str, role: str, directory_id: str, now: int) -> str:
        settings = self._settings
        said = {
            "chc_user_id": directory_id,
            "org_id": "",
            "principal_source": SOURCE,
            "role": role or "USER",
            "service_id": "",
            "sub": owner,
            "tenant_id": settings.tenant,
        }
        claims = {
            **{name: value for name, value in said.items() if value},
            "iss": settings.issuer,
            "aud": settings.audience,
            "iat": now,
            "nbf": now,
            "exp": now + settings.seconds,
            "jti": str(uuid.uuid4()),
            # Of what is said of the user, in this very order.
            "auth_context_hash": hashlib.sha256(orjson.dumps(said)).hexdigest(),
        }
        return jwt.encode(claims, settings.key, settings.algorithm, {"kid": settings.key_id})
