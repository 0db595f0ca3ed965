"""What operators set for the tools of models, once read. Secrets never show in a `repr`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# LibreChat's variables of its built-in tools. A value `user_provided` is none of the operator's.
VARIABLES = (
    *("GOOGLE_SEARCH_API_KEY", "GOOGLE_CSE_ID"),
    *("TAVILY_API_KEY", "TRAVERSAAL_API_KEY", "WOLFRAM_APP_ID", "OPENWEATHER_API_KEY"),
    *("AZURE_AI_SEARCH_SERVICE_ENDPOINT", "AZURE_AI_SEARCH_INDEX_NAME", "AZURE_AI_SEARCH_API_KEY"),
    *("AZURE_AI_SEARCH_API_VERSION", "AZURE_AI_SEARCH_SEARCH_OPTION_QUERY_TYPE"),
    *("AZURE_AI_SEARCH_SEARCH_OPTION_TOP", "AZURE_AI_SEARCH_SEARCH_OPTION_SELECT"),
    *("DALLE_API_KEY", "DALLE3_API_KEY", "DALLE_REVERSE_PROXY", "DALLE3_BASEURL", "DALLE3_AZURE_API_VERSION"),
    *("IMAGE_GEN_OAI_API_KEY", "IMAGE_GEN_OAI_BASEURL", "IMAGE_GEN_OAI_MODEL"),
    "IMAGE_GEN_OAI_AZURE_API_VERSION",
    *("FLUX_API_KEY", "FLUX_API_BASE_URL", "SD_WEBUI_URL"),
    *("GEMINI_API_KEY", "GEMINI_IMAGE_MODEL"),
)
# Of `webSearch`: what a client and the file call a value, and LibreChat's variable for it.
SEARCH_VARIABLES = {
    "serperApiKey": "SERPER_API_KEY",
    "searxngInstanceUrl": "SEARXNG_INSTANCE_URL",
    "searxngApiKey": "SEARXNG_API_KEY",
    "firecrawlApiKey": "FIRECRAWL_API_KEY",
    "firecrawlApiUrl": "FIRECRAWL_API_URL",
    "firecrawlVersion": "FIRECRAWL_VERSION",
    "tavilyApiKey": "TAVILY_API_KEY",
    "tavilySearchUrl": "TAVILY_SEARCH_URL",
    "tavilyExtractUrl": "TAVILY_EXTRACT_URL",
    "jinaApiKey": "JINA_API_KEY",
    "jinaApiUrl": "JINA_API_URL",
    "cohereApiKey": "COHERE_API_KEY",
}


@dataclass(frozen=True)
class SearchSettings:
    """`webSearch`: the services by LibreChat's names, None for whichever has its key.

    `names` are the variables of what the file and clients call values, `values` what the operator has set of these
    variables. `safe_search` is 0, 1 or 2. `addresses` are `host:port` pairs that users' own addresses may name.
    """

    provider: str | None = None
    scraper: str | None = None
    reranker: str | None = None
    safe_search: int = 1
    scraper_seconds: float = 7.5
    names: Mapping[str, str] = field(default_factory=lambda: dict(SEARCH_VARIABLES))
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    user_addresses: frozenset[str] = frozenset()
    addresses: tuple[str, ...] = ()
    firecrawl: Mapping[str, Any] = field(default_factory=dict)
    tavily_search: Mapping[str, Any] = field(default_factory=dict)
    tavily_extract: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ActionSettings:
    """`actions`: the domains that they may ask, None for any public one, and private addresses that they may."""

    domains: tuple[str, ...] | None = None
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class CodeSigning:
    """How requests to the code interpreter are signed: by which private key, and what tokens say.

    A token is good for so many `seconds`, and is used again for `reuse_seconds`.
    """

    key: Any = field(repr=False)
    algorithm: str
    key_id: str
    issuer: str
    audience: str
    seconds: int
    reuse_seconds: int
    tenant: str


@dataclass(frozen=True)
class CodeSettings:
    """The service that runs code: LibreChat's code interpreter by its address and key; None where there is none.

    `lasting_url` is where programs are run whose sessions last, None where that is nowhere.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    lasting_url: str | None = None
    signing: CodeSigning | None = None


@dataclass(frozen=True)
class ToolSettings:
    """Tools of models: `values` are the operator's own of `VARIABLES`; which built-in ones there are.

    Of `included` and `filtered` the first counts where it names any.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    included: tuple[str, ...] = ()
    filtered: tuple[str, ...] = ()
    search: SearchSettings = SearchSettings()
    actions: ActionSettings = ActionSettings()
    code: CodeSettings | None = None

    def has(self, name: str) -> bool:
        """Whether the operator lets a built-in tool be used."""
        return name in self.included if self.included else name not in self.filtered
