"""The sections `webSearch` and `actions` of the file."""

from echo.settings.librechat.fields import Flag, Listed, Number, OneOrOther, Part, Section, Text
from echo.settings.tools import SEARCH_VARIABLES

DEPTHS = ("basic", "advanced", "fast", "ultra-fast")
RANGES = ("day", "week", "month", "year", "d", "w", "m", "y")


class FirecrawlOptions(Section):
    """What goes to Firecrawl with each page."""

    # How it fetches, beyond what a page for a model needs.
    ignored = frozenset({"changeTrackingOptions", "headers", "location", "skipTlsVerification"})

    formats = Listed(Text())
    includeTags = Listed(Text())
    excludeTags = Listed(Text())
    waitFor = Number()
    timeout = Number(whole=True)
    maxAge = Number()
    mobile = Flag()
    blockAds = Flag()
    removeBase64Images = Flag()
    parsePDF = Flag()
    storeInCache = Flag()
    zeroDataRetention = Flag()
    onlyMainContent = Flag()


class TavilySearchOptions(Section):
    """What goes to Tavily with each search."""

    searchDepth = Text(one_of=DEPTHS)
    maxResults = Number(minimum=1, maximum=20, whole=True)
    includeImages = Flag()
    includeAnswer = OneOrOther(
        Flag(), Text(one_of=("basic", "advanced")), expected="true, false, basic or advanced"
    )
    includeRawContent = OneOrOther(
        Flag(), Text(one_of=("markdown", "text")), expected="true, false, markdown or text"
    )
    includeDomains = Listed(Text())
    excludeDomains = Listed(Text())
    topic = Text(one_of=("general", "news", "finance"))
    timeRange = Text(one_of=RANGES)
    includeImageDescriptions = Flag()
    includeFavicon = Flag()
    chunksPerSource = Number(minimum=1, maximum=3, whole=True)
    safeSearch = Flag()
    timeout = Number(maximum=120_000, whole=True)


class TavilyScraperOptions(Section):
    """What goes to Tavily with each page."""

    extractDepth = Text(one_of=("basic", "advanced"))
    includeImages = Flag()
    includeFavicon = Flag()
    format = Text(one_of=("markdown", "text"))
    timeout = Number(maximum=120_000, whole=True)


class WebSearch(Section):
    """`webSearch`: each key and address names a variable."""

    # What LibreChat's panel shows of keys.
    ignored = frozenset(f"{name}Preview" for name in SEARCH_VARIABLES if name.endswith("Key"))

    serperApiKey = Text()
    searxngInstanceUrl = Text()
    searxngApiKey = Text()
    firecrawlApiKey = Text()
    firecrawlApiUrl = Text()
    firecrawlVersion = Text()
    tavilyApiKey = Text()
    tavilySearchUrl = Text()
    tavilyExtractUrl = Text()
    jinaApiKey = Text()
    jinaApiUrl = Text()
    cohereApiKey = Text()
    searchProvider = Text(one_of=("serper", "searxng", "tavily"))
    scraperProvider = Text(one_of=("firecrawl", "serper", "tavily"))
    rerankerType = Text(one_of=("jina", "cohere", "none"))
    scraperTimeout = Number(whole=True)
    safeSearch = Number(maximum=2, whole=True)
    allowedAddresses = Listed(Text())
    firecrawlOptions = Part(FirecrawlOptions)
    tavilySearchOptions = Part(TavilySearchOptions)
    tavilyScraperOptions = Part(TavilyScraperOptions)


class Actions(Section):
    """`actions`: whom they may ask."""

    allowedDomains = Listed(Text())
    allowedAddresses = Listed(Text())
