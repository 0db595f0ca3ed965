"""How searching the web is put together; called by the composition root."""

from echo.access.service import Access
from echo.accounts.plugin_keys import PluginKeys
from echo.settings import Settings
from echo.tools.outbound import Outbound
from echo.tools.web.source import WebSearch


def build_web_search(settings: Settings, access: Access, keys: PluginKeys) -> WebSearch:
    """The source of searches; nothing is contacted."""
    search = settings.tools.search
    return WebSearch(
        search,
        settings.agents,
        user_values=keys.get_fields,
        may=access.may,
        outbound=Outbound(search.addresses),
    )
