"""Tokens that an issuer has signed: ID tokens, and access tokens that are JWTs."""

import base64
import time
from collections.abc import Sequence
from typing import Any

import orjson
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.discovery import ALGORITHMS, Discovery
from echo.accounts.federation.identity import Refused

MAX_TOKEN = 64 * 1024
# What the header of an access token may call it: RFC 9068, section 2.1, and what came before it.
ACCESS_TYPES = (None, "JWT", "AT+JWT", "APPLICATION/AT+JWT")
# What an ID token or a logout token has, and no access token. Both have our client for their audience, and travel in
# addresses (`id_token_hint`) and to other servers. `nonce` tells nothing: older Keycloaks have it in access tokens.
OTHERS_CLAIMS = frozenset({"at_hash", "c_hash", "events"})
# Keycloak says in a claim what a token is.
OTHERS_KINDS = frozenset({"id", "logout", "refresh", "offline"})
# What only an access token has: a type of its own (RFC 9068), or a scope (Entra ID, ADFS and Okta call it `scp`).
OWN_TYPES = ("AT+JWT", "APPLICATION/AT+JWT")
OWN_CLAIMS = frozenset({"scope", "scp"})

Claims = dict[str, Any]


async def read_id_token(
    token: Any, discovery: Discovery, attempt: Attempt, *, client_id: str, access_token: str, leeway: int
) -> Claims:
    """The claims of an ID token of this issuer, for this client and this login; raises `Refused`.

    OpenID Connect Core 1.0, section 3.1.3.7.
    """
    header, claims = await _signed(token, discovery)
    issuer = (await discovery.metadata()).issuer
    checked = CodeIDToken(
        claims,
        header,
        {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
        {"nonce": attempt.nonce, "client_id": client_id, "access_token": access_token},
    )
    try:
        checked.validate(now=int(time.time()), leeway=leeway)
    except (JoseError, TypeError, ValueError, KeyError) as error:
        raise Refused("login_failed", f"the ID token: {error}"[:200]) from error
    return claims


async def read_access_token(
    token: str, discovery: Discovery, *, client_id: str, audiences: Sequence[str], leeway: int
) -> Claims:
    """The claims of an access token of this issuer for our client or one of these audiences; raises `Refused`.

    Also for a token of another kind (RFC 8725, section 3.12), as far as it can be told. An ID token has our client
    for its audience, and some, such as Entra ID's, have nothing else that tells them. So a token for our client must
    show that it is an access token.
    """
    header, claims = await _signed(token, discovery)
    issuer, now = (await discovery.metadata()).issuer, time.time()
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    kind = header.get("typ")
    kind = kind.upper() if isinstance(kind, str) else kind
    is_marked = kind in OWN_TYPES or bool(OWN_CLAIMS & claims.keys())
    problems = {
        "iss": claims.get("iss") != issuer,
        "aud": not any(each in (client_id, *audiences) for each in named if isinstance(each, str)),
        "exp": not _time(claims.get("exp")) or claims["exp"] <= now - leeway,
        "nbf": "nbf" in claims and not (_time(claims["nbf"]) and claims["nbf"] <= now + leeway),
        "typ": kind not in ACCESS_TYPES,
        "scope": client_id in named and not is_marked,
        "sub": not isinstance(claims.get("sub"), str),
        "kind": bool(OTHERS_CLAIMS & claims.keys()) or str(claims.get("typ")).lower() in OTHERS_KINDS,
    }
    if wrong := [name for name, is_wrong in problems.items() if is_wrong]:
        raise Refused("login_failed", f"the access token: {', '.join(wrong)}")
    return claims


async def _signed(token: Any, discovery: Discovery) -> tuple[dict[str, Any], Claims]:
    """The header and the claims of a token that a key of the issuer's has signed; raises `Refused`."""
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN:
        raise Refused("login_failed", "no token")
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
        if header.get("alg") not in ALGORITHMS:
            raise Refused("login_failed", "a token with an algorithm that is not taken")
        kid = header.get("kid")
        keys = await discovery.keys(kid if isinstance(kid, str) else None)
        decoded = jwt.decode(token, keys, algorithms=sorted(ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Refused("login_failed", f"a token that is not the issuer's: {type(error).__name__}") from error
    return header, dict(decoded.claims)


def unverified_claims(token: str | None) -> Claims:
    """What an access token says that came from the issuer itself, over its own connection; {} for an opaque one.

    Its signature is for whom it is meant for, which may be another service.
    """
    parts = (token or "").split(".")
    if len(parts) != 3 or len(parts[1]) > MAX_TOKEN:
        return {}
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
