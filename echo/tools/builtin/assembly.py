"""How the built-in tools are put together; called by the composition root."""

from echo.accounts.plugin_keys import PluginKeys
from echo.files import FileStore
from echo.settings import Settings
from echo.tools.builtin.shelf import PictureShelf
from echo.tools.builtin.source import BuiltinTools
from echo.tools.outbound import Outbound
from storage.core.database import Database
from storage.library.files import FileRepository


def build_builtin(settings: Settings, database: Database, keys: PluginKeys, store: FileStore) -> BuiltinTools:
    """The source of the built-in tools; nothing is contacted."""
    return BuiltinTools(
        settings.tools,
        settings.agents,
        keys.get_fields,
        Outbound(settings.provider_limits.allowed_addresses),
        shelf=PictureShelf(store, FileRepository(database)),
    )
