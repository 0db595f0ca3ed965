"""What an issuer says of itself (OpenID Connect Discovery 1.0), and its keys, which may change at any time."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from echo.accounts.federation.fetching import Fetcher
from echo.accounts.federation.identity import Refused

log = structlog.get_logger(__name__)

WELL_KNOWN = "/.well-known/openid-configuration"
FRESH_SECONDS = 3600.0
# An unknown key may be a new one, or a stranger's invention: so often the issuer is asked because of it.
AGAIN_SECONDS = 30.0
# So long after a failure nobody waits for the next one.
PAUSE_SECONDS = 5.0
MAX_KEYS = 100
KEY_TYPES = ("RSA", "EC", "OKP")
# What a key of the issuer's may have signed: nothing that is symmetrical, or no signature at all (RFC 8725, 3.1).
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)


@dataclass(frozen=True)
class Metadata:
    """The issuer's own name, as its tokens have it, and where its parts are."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    auth_methods: tuple[str, ...]
    names_itself: bool


class Discovery:
    """The metadata and the keys of one issuer, remembered for an hour, and longer while it does not answer."""

    def __init__(self, issuer: str, fetcher: Fetcher) -> None:
        self.issuer = normal_issuer(issuer)
        self._fetcher = fetcher
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[jwk.KeySet, float] | None = None
        self._lock = asyncio.Lock()
        self._failed: tuple[Refused, float] | None = None

    @property
    def remembered(self) -> Metadata | None:
        """What the issuer said last, None as long as it was not asked."""
        return self._metadata[0] if self._metadata else None

    async def metadata(self) -> Metadata:
        """What the issuer says of itself; raises `Refused`."""
        async with self._lock:
            known = self._metadata
            if known and time.monotonic() - known[1] < FRESH_SECONDS:
                return known[0]
            if known is None and self._failed and time.monotonic() - self._failed[1] < PAUSE_SECONDS:
                raise Refused(self._failed[0].code, self._failed[0].detail)
            try:
                said = await self._fetcher.json(self.issuer + WELL_KNOWN)
                found = read_metadata(said, self.issuer)
            except Refused as refusal:
                self._failed = refusal, time.monotonic()
                if known is None:
                    raise
                log.warning("the OpenID issuer does not answer", why=refusal.detail)
                found = known[0]
            self._metadata = found, time.monotonic()
            return found

    async def keys(self, kid: str | None) -> jwk.KeySet:
        """The issuer's keys, asked for again if none has this id; raises `Refused`."""
        metadata = await self.metadata()
        async with self._lock:
            if self._keys:
                age = time.monotonic() - self._keys[1]
                if age < AGAIN_SECONDS or (age < FRESH_SECONDS and _has(self._keys[0], kid)):
                    return self._keys[0]
            found = read_keys(await self._fetcher.json(metadata.jwks_uri))
            self._keys = found, time.monotonic()
            return found


def normal_issuer(issuer: str) -> str:
    """An issuer as LibreChat compares and stores it: without slashes at its end, or the path of its metadata."""
    return issuer.strip().rstrip("/").removesuffix(WELL_KNOWN).rstrip("/")


def read_metadata(said: Mapping[str, Any], issuer: str) -> Metadata:
    """The metadata, if they are this issuer's and complete (OpenID Connect Discovery 1.0, 4.3); raises `Refused`."""
    own = said.get("issuer")
    if not isinstance(own, str) or normal_issuer(own) != issuer:
        raise Refused("login_failed", "the metadata are another issuer's")
    needed = {name: said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    if missing := [name for name, value in needed.items() if not isinstance(value, str)]:
        raise Refused("login_failed", f"the metadata lack {missing[0]}")
    methods = said.get("token_endpoint_auth_methods_supported")
    return Metadata(
        issuer=own,
        authorization_endpoint=str(needed["authorization_endpoint"]),
        token_endpoint=str(needed["token_endpoint"]),
        jwks_uri=str(needed["jwks_uri"]),
        userinfo_endpoint=_text(said, "userinfo_endpoint"),
        end_session_endpoint=_text(said, "end_session_endpoint"),
        auth_methods=tuple(map(str, methods)) if isinstance(methods, list) else (),
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
    )


def read_keys(said: Mapping[str, Any]) -> jwk.KeySet:
    """The keys that may have signed something; what else is in the list is left out. Raises `Refused` for none."""
    listed = said.get("keys")
    found = []
    for each in listed[:MAX_KEYS] if isinstance(listed, list) else ():
        if isinstance(each, dict) and each.get("kty") in KEY_TYPES and each.get("use", "sig") == "sig":
            try:
                found.append(jwk.import_key(each))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
    if not found:
        raise Refused("login_failed", "the issuer has no key")
    return jwk.KeySet(found)


def _has(keys: jwk.KeySet, kid: str | None) -> bool:
    return kid is None or any(key.kid == kid for key in keys.keys)


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None
