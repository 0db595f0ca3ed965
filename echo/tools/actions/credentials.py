"""The secrets of actions: encrypted as LibreChat does it, kept for one target only, and sent as the action says."""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.errors import Unprocessable
from echo.tools.actions.requests import HEADER
from echo.tools.tool import ToolFailure

Json = dict[str, Any]
KEY, OAUTH, NONE = "service_http", "oauth", "none"
# Which secrets an action has, by how it proves itself.
SECRETS: Mapping[str, tuple[str, ...]] = {
    KEY: ("api_key",),
    OAUTH: ("oauth_client_id", "oauth_client_secret"),
}
ALL = tuple(name for names in SECRETS.values() for name in names)
# What of `auth` says where a secret goes, and how.
BOUNDARY = (
    *("type", "authorization_type", "custom_auth_header"),
    *("authorization_url", "client_url", "scope", "token_exchange_method"),
)
# What JavaScript's `encodeURIComponent` leaves as it is: LibreChat encrypts its outcome.
PLAIN = "-_.!~*'()"
PRINTABLE = re.compile(r"[\x20-\x7e]{1,20000}")
# Headers that are the connection's.
NOT_FOR_KEYS = frozenset(("host", "content-length", "transfer-encoding", "connection", "content-type"))


def kind_of(metadata: Mapping[str, Any]) -> str:
    """How an action proves itself."""
    auth = metadata.get("auth")
    return str(auth.get("type")) if isinstance(auth, Mapping) and auth.get("type") in SECRETS else NONE


def encrypted(metadata: Mapping[str, Any], cipher: CredentialsCipher) -> Json:
    """Metadata as they are stored: only with the secrets that its kind has."""
    kept = {name: value for name, value in metadata.items() if name not in ALL}
    return {
        **kept,
        **{
            name: cipher.encrypt_anew(quote(metadata[name], safe=PLAIN))
            for name in SECRETS.get(kind_of(metadata), ())
            if metadata.get(name)
        },
    }


def without_secrets(metadata: Any) -> Json:
    """What clients are told of metadata."""
    return {name: value for name, value in dict(metadata or {}).items() if name not in ALL}


def secret(metadata: Mapping[str, Any], name: str, cipher: CredentialsCipher | None) -> str:
    """A secret of stored metadata. Raises `ToolFailure` where there is none that can be read."""
    try:
        if cipher is not None and metadata.get(name):
            return unquote(cipher.decrypt(str(metadata[name])))
    except Undecipherable:
        pass
    raise ToolFailure("The credentials of this action are missing: its maker has to enter them again.")


def merged(stored: Mapping[str, Any], said: Mapping[str, Any], *, moved: bool) -> Json:
    """Stored metadata with what is said over them; `said` holds secrets encrypted already.

    Secrets stay only while the action leads to the same place by the same way: else who may change an agent could
    have its maker's secrets sent to an address of theirs. Raises `Unprocessable` (`credentials_needed`).
    """
    whole = {**stored, **said}
    if not moved:
        return whole
    if any(stored.get(name) and not said.get(name) for name in SECRETS.get(kind_of(whole), ())):
        raise Unprocessable(
            "The action leads elsewhere now: enter its credentials again.", code="credentials_needed"
        )
    return {name: value for name, value in whole.items() if name not in ALL or name in said}


def way_of(metadata: Mapping[str, Any]) -> tuple[Any, ...]:
    """What says where secrets go, beside the document."""
    auth = metadata.get("auth")
    fields = auth if isinstance(auth, Mapping) else {}
    return (metadata.get("domain"), *(fields.get(name) or None for name in BOUNDARY))


def key_headers(metadata: Mapping[str, Any], cipher: CredentialsCipher | None) -> dict[str, str]:
    """The header with an action's key. Raises `ToolFailure`."""
    auth, key = metadata["auth"], secret(metadata, "api_key", cipher)
    way = auth.get("authorization_type")
    if way == "basic":
        return {"Authorization": f"Basic {base64.b64encode(key.encode()).decode()}"}
    name = "Authorization" if way == "bearer" else str(auth.get("custom_auth_header"))
    if not PRINTABLE.fullmatch(key) or not HEADER.fullmatch(name) or name.lower() in NOT_FOR_KEYS:
        raise ToolFailure("The credentials of this action cannot be sent.")
    return {name: f"Bearer {key}" if way == "bearer" else key}
