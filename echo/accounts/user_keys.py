"""The keys of providers that users bring: stored encrypted, read only to ask the provider."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.errors import ServiceUnavailable, Unprocessable
from echo.providers.chat import Credentials
from echo.settings import ProviderSettings, Settings
from storage.accounts.keys import KeyRepository

log = structlog.get_logger(__name__)

MAX_KEYS = 100
NEVER = "never"
# What can be part of a host name, as which Azure's names of instances are used.
HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class KeyService:
    """What the operations under `/api/keys` do, and the credentials for asking a provider.

    Without a cipher nothing can be stored or read, only deleted.
    """

    def __init__(
        self, keys: KeyRepository, providers: Sequence[ProviderSettings], cipher: CredentialsCipher | None
    ) -> None:
        self._keys = keys
        self._providers = {provider.name: provider for provider in providers}
        self._cipher = cipher

    def expiry(self, owner: str, name: str) -> datetime | str | None:
        """When the key of that name expires: a time, "never", or None where there is none.

        Raises `ServiceUnavailable` where no keys can be kept.
        """
        self._require_cipher()
        key = self._keys.find(owner, name)
        return None if key is None else key.get("expiresAt") or NEVER

    def put(self, owner: str, *, name: str, value: str, expires_at: datetime | None = None) -> None:
        """Keep a key in place of an earlier one of that name.

        Raises `ServiceUnavailable` where none can be kept, `Unprocessable` when there are too many.
        """
        cipher = self._require_cipher()
        if self._keys.count_others(owner, name) >= MAX_KEYS:
            raise Unprocessable(f"Nobody may keep more than {MAX_KEYS} provider keys.", code="too_many_keys")
        self._keys.put(owner, name, value=cipher.encrypt(value), expires_at=expires_at)

    def delete(self, owner: str, name: str) -> None:
        """Delete the key of that name, if there is one."""
        self._keys.delete(owner, name)

    def delete_all(self, owner: str) -> None:
        """Delete every key of the owner."""
        self._keys.delete_all(owner)

    def credentials(self, owner: str, endpoint_name: str) -> Credentials | None:
        """The owner's key for an endpoint whose settings ask for it; None where there is none that can be used.

        An address counts only where the settings let users bring one.
        """
        provider = self._providers.get(endpoint_name)
        if provider is None or self._cipher is None:
            return None
        if not (provider.user_provides_key or provider.user_provides_url):
            return None
        key = self._keys.find(owner, endpoint_name)
        if key is None:
            return None
        try:
            value = self._cipher.decrypt(str(key.get("value")))
        except Undecipherable:
            log.warning(
                "a user's key was not encrypted with these CREDS_KEY and CREDS_IV", endpoint=endpoint_name
            )
            return None
        return read_credentials(value, with_url=provider.user_provides_url)

    def _require_cipher(self) -> CredentialsCipher:
        if self._cipher is None:
            # The text also stands in the log, for who can do something about it.
            raise ServiceUnavailable(
                "Keys cannot be kept on this server.", code="keys_unavailable"
            ) from RuntimeError("CREDS_KEY and CREDS_IV are not set")
        return self._cipher


def make_cipher(settings: Settings) -> CredentialsCipher | None:
    """The cipher of these settings; None if they have no keys for it."""
    if settings.creds_key is None or settings.creds_iv is None:
        return None
    return CredentialsCipher(settings.creds_key, settings.creds_iv)


def read_credentials(value: str, *, with_url: bool) -> Credentials | None:
    """What LibreChat's client stores for the different kinds of endpoint; None where no key is in it.

    OpenAI's and custom ones: `{"apiKey", "baseURL"}`, for Azure with another object as text in `apiKey`; Google's:
    `{"GOOGLE_API_KEY"}`; every other: the bare key.
    """
    fields = _json_object(value)
    if fields is None:
        return Credentials(value.strip()) if value.strip() else None
    azure = _json_object(fields.get("apiKey"))
    if azure is not None:
        return _azure(azure)
    key = _text(fields, "apiKey") or _text(fields, "GOOGLE_API_KEY")
    if key is None:
        return None
    return Credentials(key, _text(fields, "baseURL") if with_url else None)


def _azure(fields: Mapping[str, Any]) -> Credentials | None:
    key, instance = _text(fields, "azureOpenAIApiKey"), _text(fields, "azureOpenAIApiInstanceName")
    if key is None or instance is None or not HOST_LABEL.fullmatch(instance):
        return None
    return Credentials(key, f"https://{instance}.openai.azure.com")


def _json_object(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return None
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value.strip() or None if isinstance(value, str) else None
