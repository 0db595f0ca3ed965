"""The SDK's storage of tokens, over LibreChat's records in the collection `tokens`: who has logged in there is logged
in here. Imports the SDK.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mcp.shared.auth import OAuthClientInformationFull, OAuthMetadata, OAuthToken
from pydantic import ValidationError

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.settings.mcp import McpServer
from storage.accounts.mcp_tokens import ACCESS, CLIENT, REFRESH, Kept, McpTokenRepository

YEAR = timedelta(days=365)
# For a token that does not say how long it is good: LibreChat's.
DEFAULT_LIFE = timedelta(days=365)
# So long before its end a token is renewed.
SKEW_SECONDS = 30.0
MAX_TOKEN = 100_000
READS, READ_AGAIN_SECONDS = 3, 0.05


class StoredTokens:
    """The SDK's storage, over one user's records for one server; or over those that were `forgotten` just now."""

    def __init__(
        self,
        stored: McpTokenRepository,
        cipher: CredentialsCipher,
        owner: str,
        server: McpServer,
        url: str,
        *,
        forgotten: Mapping[str, Kept] | None = None,
    ) -> None:
        self._forgotten = forgotten
        self._stored, self._cipher = stored, cipher
        self._owner, self._server, self._url = owner, server, url
        self.expires_at: float | None = None
        self.metadata: OAuthMetadata | None = None
        self.found: OAuthMetadata | None = None
        # The set that was read last; and the one that the next tokens are to replace, if it is still there.
        self.set_id: Any = None
        self.replaces: tuple[Any] | None = None
        self.was_kept = False
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """The tokens, also those that have to be renewed; None for those of another address."""
        records = self._forgotten
        if records is None:
            records = await self._whole_set()
        self._client, self.metadata, self.expires_at = None, None, None
        client = records.get(CLIENT)
        self.set_id = client.metadata.get("credential_set_id") if client else None
        if client is None or not _same(client.metadata.get("server_url"), self._url):
            return None
        self._client = self._read_client(client)
        self.metadata = _metadata(client.metadata)
        access, refresh = self._text(records.get(ACCESS)), self._text(records.get(REFRESH))
        if access is None and refresh is None:
            return None
        kept = records.get(ACCESS)
        self.expires_at = kept.expires_at.timestamp() - SKEW_SECONDS if kept and access else 1.0
        return OAuthToken(access_token=access or "expired", refresh_token=refresh)

    async def _whole_set(self) -> Mapping[str, Kept]:
        """The records; one that is read in the middle of being stored has a client alone, and is read again."""
        for _ in range(READS):
            records = await asyncio.to_thread(self._stored.find, self._owner, self._server.name)
            if records.keys() != {CLIENT}:
                break
            await asyncio.sleep(READ_AGAIN_SECONDS)
        return records

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """As it was with the tokens."""
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Kept until there are tokens: a client without any is of no use to anybody."""
        self._client = client_info

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Store tokens with the client that they were given to, as one set; none in place of others than `replaces`.

        `was_kept` says whether they were stored.
        """
        self.was_kept = False
        if self._client is None or len(tokens.access_token) + len(tokens.refresh_token or "") > MAX_TOKEN:
            return
        moment = datetime.now(UTC)
        life = (
            timedelta(seconds=min(tokens.expires_in, 10 * 365 * 86400)) if tokens.expires_in else DEFAULT_LIFE
        )
        one_set = {"credential_set_id": secrets.token_urlsafe(16)}
        described = self.found.model_dump(mode="json", exclude_none=True) if self.found else {}
        configured = bool(self._server.oauth and self._server.oauth.get("client_id"))
        about = {
            **described,
            **one_set,
            "server_url": self._url,
            "client_source": "configured" if configured else "dynamic",
        }
        client = self._client.model_dump_json(exclude_none=True)
        records = {
            ACCESS: Kept(self._cipher.encrypt_anew(tokens.access_token), moment + life, one_set),
            CLIENT: Kept(self._cipher.encrypt_anew(client), moment + YEAR, about),
        }
        if tokens.refresh_token:
            records[REFRESH] = Kept(self._cipher.encrypt_anew(tokens.refresh_token), moment + YEAR, one_set)
        store, replaces = self._stored.store, self.replaces
        self.was_kept = await asyncio.to_thread(store, self._owner, self._server.name, records, replaces)

    def _text(self, record: Kept | None) -> str | None:
        if record is None:
            return None
        try:
            return self._cipher.decrypt(record.token)
        except Undecipherable:
            return None

    def _read_client(self, record: Kept) -> OAuthClientInformationFull | None:
        try:
            return OAuthClientInformationFull.model_validate(json.loads(self._text(record) or "null"))
        except (ValueError, ValidationError):
            return None


def _metadata(kept: Any) -> OAuthMetadata | None:
    try:
        return OAuthMetadata.model_validate(dict(kept))
    except (ValidationError, TypeError, ValueError):
        return None


def _same(stored: Any, url: str) -> bool:
    return isinstance(stored, str) and stored.rstrip("/") == url.rstrip("/")
