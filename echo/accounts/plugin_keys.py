"""What users bring for tools and MCP servers: keys and other values, stored encrypted, read only to ask them."""

from collections.abc import Callable, Iterable, Mapping

import structlog

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.errors import ServiceUnavailable
from storage.accounts.plugin_auths import PluginAuthRepository
from storage.accounts.preferences import PreferenceRepository

log = structlog.get_logger(__name__)
WEB_SEARCH = "web_search"
MCP = "mcp_"
# What is told of a change: whose, and of which plugin.
Listener = Callable[[str, str], None]


class PluginKeys:
    """What `POST /api/user/plugins` does, and the values for who asks a service.

    Without a cipher nothing can be stored or read, only deleted. Of web search, clients name a value as
    `webSearch` of librechat.yaml does (`serperApiKey`); it is stored by the variable's name that stands there, as
    LibreChat does: `search_names` are those.
    """

    def __init__(
        self,
        stored: PluginAuthRepository,
        preferences: PreferenceRepository,
        cipher: CredentialsCipher | None,
        search_names: Mapping[str, str],
    ) -> None:
        self._stored = stored
        self._preferences = preferences
        self._cipher = cipher
        self._search_names = search_names
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Tell this of every change, after it is stored."""
        self._listeners.append(listener)

    def install(self, owner: str, plugin: str, values: Mapping[str, str]) -> None:
        """Keep values for a plugin, in place of earlier ones of these fields; an empty one is no value.

        Raises `ServiceUnavailable` where none can be kept, and `TooMany` for a user who has too many.
        """
        named = {name: value for name, value in self._named(plugin, values).items() if value}
        if named:
            cipher = self._require_cipher()
            self._stored.set(owner, plugin, {name: cipher.encrypt(value) for name, value in named.items()})
        self._tell(owner, plugin)

    def uninstall(self, owner: str, plugin: str, names: Iterable[str]) -> None:
        """Delete fields of a plugin; none named are all of them for web search and an MCP server."""
        fields = set(self._named(plugin, dict.fromkeys(names, "")))
        whole = not fields and (plugin == WEB_SEARCH or plugin.startswith(MCP))
        self._stored.delete(owner, plugin, None if whole else fields)
        self._tell(owner, plugin)

    def mark(self, owner: str, plugin: str, *, installed: bool) -> None:
        """Note in the user's own list of plugins that one is there, or no longer."""
        self._preferences.mark_plugin(owner, plugin, installed=installed)

    def get(self, owner: str, plugin: str) -> dict[str, str]:
        """The owner's values of a plugin by their fields; those that cannot be decrypted are left out."""
        return self._decrypted(self._stored.get(owner, plugin)) if self._cipher else {}

    def get_fields(self, owner: str, names: Iterable[str]) -> dict[str, str]:
        """The owner's values of these fields, whichever tool they were brought for."""
        return self._decrypted(self._stored.get_fields(owner, names)) if self._cipher else {}

    def _named(self, plugin: str, values: Mapping[str, str]) -> dict[str, str]:
        if plugin != WEB_SEARCH:
            return dict(values)
        return {
            self._search_names[name]: value for name, value in values.items() if name in self._search_names
        }

    def _decrypted(self, stored: Mapping[str, str]) -> dict[str, str]:
        cipher = self._require_cipher()
        values = {}
        for name, value in stored.items():
            try:
                values[name] = cipher.decrypt(value)
            except Undecipherable:
                log.warning("a user's value was not encrypted with these CREDS_KEY and CREDS_IV", field=name)
        return values

    def _tell(self, owner: str, plugin: str) -> None:
        for each in self._listeners:
            each(owner, plugin)

    def _require_cipher(self) -> CredentialsCipher:
        if self._cipher is None:
            raise ServiceUnavailable(
                "Keys cannot be kept on this server.", code="keys_unavailable"
            ) from RuntimeError("CREDS_KEY and CREDS_IV are not set")
        return self._cipher
