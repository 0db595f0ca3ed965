"""The texts of pages that were found: fetched by a service, or by Echo itself.

Which pages, strangers decide. Echo fetches from public addresses alone, follows five redirects at most, each checked
like the first, and takes so much of a page and no more.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from yarl import URL

from echo.settings.tools import SearchSettings
from echo.tools.outbound import Outbound, Reply, Request
from echo.tools.tool import ToolFailure
from echo.tools.web.found import objects
from echo.tools.web.services import OWN, Service

MAX_PAGE_BYTES = 2 * 1024 * 1024
MAX_TEXT = 50_000
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
# What stands beside the text of a page.
ASIDE = frozenset(
    (
        *(
            "script",
            "style",
            "noscript",
            "template",
            "svg",
            "iframe",
            "form",
            "nav",
            "header",
            "footer",
            "aside",
        ),
        *("head", "button", "select", "textarea"),
    )
)
MAIN = (".//article", ".//main", './/*[@role="main"]')
# Shorter than this, a part is not what the page is about.
MIN_TEXT = 200
HEADERS = {"Accept": "text/html, text/plain;q=0.9", "Accept-Language": "*"}
FIRECRAWL, SERPER, TAVILY = (
    "https://api.firecrawl.dev",
    "https://scrape.serper.dev",
    "https://api.tavily.com/extract",
)


class Pages:
    """Fetches pages by one service or another; "" is what is had of a page that cannot be had."""

    def __init__(self, settings: SearchSettings, outbound: Outbound) -> None:
        self._settings = settings
        self._outbound = outbound

    async def text(self, service: Service, url: str) -> str:
        """The text of a page."""
        ways = {"firecrawl": self._firecrawl, "serper": self._serper, "tavily": self._tavily}
        try:
            async with asyncio.timeout(self._settings.scraper_seconds):
                way = self._fetched(url) if service.name == OWN else ways[service.name](service, url)
                return tidied(await way)
        except (ToolFailure, TimeoutError):
            return ""

    async def _fetched(self, url: str) -> str:
        address = URL(url)
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self._outbound.send(Request(address, headers=HEADERS, most=MAX_PAGE_BYTES))
            if reply.status not in REDIRECTS:
                return await asyncio.to_thread(page_text, reply) if reply.ok else ""
            try:
                address = address.join(URL(reply.headers.get("Location", "")))
            except ValueError:
                return ""
        return ""

    async def _firecrawl(self, service: Service, url: str) -> str:
        base, trusted = service.address("firecrawlApiUrl", FIRECRAWL)
        version = service.values.get("firecrawlVersion") or "v2"
        body = {"onlyMainContent": True, **self._settings.firecrawl, "url": url, "formats": ["markdown"]}
        headers = {"Authorization": f"Bearer {service.values.get('firecrawlApiKey')}"}
        answer = await self._ask(f"{base}/{version}/scrape", headers, body, trusted=trusted)
        return _said(answer.get("data") if isinstance(answer, Mapping) else None, "markdown")

    async def _serper(self, service: Service, url: str) -> str:
        headers = {"X-API-KEY": service.values.get("serperApiKey") or ""}
        answer = await self._ask(SERPER, headers, {"url": url, "includeMarkdown": True}, trusted=True)
        return _said(answer, "markdown") or _said(answer, "text")

    async def _tavily(self, service: Service, url: str) -> str:
        address, trusted = service.address("tavilyExtractUrl", TAVILY)
        options = self._settings.tavily_extract
        body = {
            "urls": [url],
            "extract_depth": options.get("extractDepth", "basic"),
            "format": options.get("format", "markdown"),
        }
        headers = {"Authorization": f"Bearer {service.values.get('tavilyApiKey')}"}
        answer = await self._ask(address, headers, body, trusted=trusted)
        return "\n".join(_said(each, "raw_content") for each in objects(answer, "results")[:1])

    async def _ask(self, url: str, headers: Mapping[str, str], body: Any, *, trusted: bool) -> Any:
        return await self._outbound.json(Request(url, "POST", headers=headers, body=body, trusted=trusted))


def page_text(reply: Reply) -> str:
    """The text of an answer: of HTML what the page is about, of other texts all."""
    if reply.media_type not in ("text/html", "application/xhtml+xml"):
        return reply.text if reply.media_type.startswith("text/") else ""
    # Only here: most processes never read a page.
    from lxml import etree, html  # noqa: PLC0415

    try:
        # Without `huge_tree` nothing is deeper than 256 elements.
        parser = html.HTMLParser(encoding=reply.charset, remove_comments=True, remove_pis=True)
        page = html.document_fromstring(reply.content, parser=parser)
    except (etree.LxmlError, LookupError, ValueError):
        return ""
    for path in MAIN:
        node = page.find(path)
        found = "\n".join(_texts(node)) if node is not None else ""
        if len(found) >= MIN_TEXT:
            return found
    return "\n".join(_texts(page))


def _texts(node: Any) -> Iterator[str]:
    if node.tag not in ASIDE:
        if node.text:
            yield node.text
        for child in node:
            yield from _texts(child)
            if child.tail:
                yield child.tail


def tidied(text: str) -> str:
    """A text without empty lines and needless spaces, and of bounded length."""
    lines = (" ".join(line.split()) for line in text[: 4 * MAX_TEXT].splitlines())
    return "\n".join(line for line in lines if line)[:MAX_TEXT]


def _said(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""
