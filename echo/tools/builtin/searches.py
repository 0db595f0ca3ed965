"""Searches: Google's, Tavily's, Traversaal's, Wolfram Alpha, and an index of Azure AI Search."""

import re
from typing import Any

import orjson

from echo.tools.arguments import one_of, text, texts, whole
from echo.tools.builtin.builtin import Bench, Builtin, said, spec
from echo.tools.outbound import Request
from echo.tools.tool import Called, ToolFailure, ToolOutput

QUERY = {"type": "string", "description": "What to search for."}
MAX_QUERY = 2000
RANGES = ("day", "week", "month", "year", "d", "w", "m", "y")
FLAGS = ("include_images", "include_answer", "include_raw_content", "include_image_descriptions")
MAX_DOMAINS = 50
INDEX = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


async def _google(bench: Bench, called: Called) -> ToolOutput:
    query = {
        "key": bench.value("GOOGLE_SEARCH_API_KEY"),
        "cx": bench.value("GOOGLE_CSE_ID"),
        "q": text(called.arguments, "query", MAX_QUERY),
        "num": str(whole(called.arguments, "max_results", 1, 10, 5)),
    }
    return said(dumped(await bench.ask(Request(bench.addresses["google"], query=query, trusted=True))))


async def _tavily(bench: Bench, called: Called) -> ToolOutput:
    given = called.arguments
    body: dict[str, Any] = {
        "query": text(given, "query", MAX_QUERY),
        "max_results": whole(given, "max_results", 1, 10, 5),
        "search_depth": one_of(given, "search_depth", ("basic", "advanced"), "basic"),
        "topic": one_of(given, "topic", ("general", "news", "finance"), "general"),
        **{name: True for name in FLAGS if given.get(name) is True},
        **{
            name: domains
            for name in ("include_domains", "exclude_domains")
            if (domains := texts(given, name, MAX_DOMAINS))
        },
    }
    if (time_range := one_of(given, "time_range", RANGES, "")) or given.get("days"):
        body |= {"time_range": time_range} if time_range else {"days": whole(given, "days", 1, 3650, 7)}
    headers = {"Authorization": f"Bearer {bench.value('TAVILY_API_KEY')}"}
    url = bench.addresses["tavily_search_results_json"]
    return said(dumped(await bench.ask(Request(url, "POST", headers=headers, body=body, trusted=True))))


async def _traversaal(bench: Bench, called: Called) -> ToolOutput:
    answer = await bench.ask(
        Request(
            bench.addresses["traversaal_search"],
            "POST",
            headers={"x-api-key": bench.value("TRAVERSAAL_API_KEY")},
            body={"query": [text(called.arguments, "query", MAX_QUERY)]},
            trusted=True,
        )
    )
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise ToolFailure("The service gave no result.")
    sources = [each for each in data.get("web_url") or () if isinstance(each, str)]
    listed = "\n\nSources:\n" + "\n".join(f"- {each}" for each in sources) if sources else ""
    return said(f"{data.get('response_text') or ''}{listed}".strip() or "Nothing was found.")


async def _wolfram(bench: Bench, called: Called) -> ToolOutput:
    asked = text(called.arguments, "input", MAX_QUERY).replace("`", "").replace("\n", " ")
    query = {"input": asked, "appid": bench.value("WOLFRAM_APP_ID")}
    reply = await bench.send(Request(bench.addresses["wolfram"], query=query, trusted=True))
    # It explains in words what it did not understand, with a status of its own.
    if not reply.ok and reply.status != 501:
        raise ToolFailure(reply.failure)
    return said(reply.text)


async def _azure(bench: Bench, called: Called) -> ToolOutput:
    values = bench.values
    index, address = bench.value("AZURE_AI_SEARCH_INDEX_NAME"), "AZURE_AI_SEARCH_SERVICE_ENDPOINT"
    if not INDEX.fullmatch(index):
        raise ToolFailure("The name of the index is none.")
    body: dict[str, Any] = {
        "search": text(called.arguments, "query", MAX_QUERY),
        "queryType": values.get("AZURE_AI_SEARCH_SEARCH_OPTION_QUERY_TYPE") or "simple",
        "top": _count(values.get("AZURE_AI_SEARCH_SEARCH_OPTION_TOP")),
    }
    if select := values.get("AZURE_AI_SEARCH_SEARCH_OPTION_SELECT"):
        body["select"] = select
    answer = await bench.ask(
        Request(
            f"{bench.value(address).rstrip('/')}/indexes/{index}/docs/search",
            "POST",
            query={"api-version": values.get("AZURE_AI_SEARCH_API_VERSION") or "2023-11-01"},
            headers={"api-key": bench.value("AZURE_AI_SEARCH_API_KEY")},
            body=body,
            trusted=values.trusts(address),
        )
    )
    found = answer.get("value") if isinstance(answer, dict) else None
    return said(dumped(found if isinstance(found, list) else []))


def _count(value: str | None) -> int:
    return min(int(value), 50) if value and value.isascii() and value.isdigit() else 5


def dumped(value: Any) -> str:
    """A value as JSON for a model."""
    return orjson.dumps(value).decode()


SEARCHES = (
    Builtin(
        spec(
            "google",
            "Searches the web with Google and gives what it found.",
            {"query": QUERY, "max_results": {"type": "integer", "minimum": 1, "maximum": 10}},
            "query",
        ),
        _google,
        (("GOOGLE_SEARCH_API_KEY",), ("GOOGLE_CSE_ID",)),
    ),
    Builtin(
        spec(
            "tavily_search_results_json",
            "Searches the web, news or financial pages for current facts, and gives what it found.",
            {
                "query": QUERY,
                "max_results": {"type": "integer", "minimum": 1, "maximum": 10},
                "search_depth": {"type": "string", "enum": ["basic", "advanced"]},
                "topic": {"type": "string", "enum": ["general", "news", "finance"]},
                "time_range": {"type": "string", "enum": list(RANGES)},
                "days": {"type": "integer", "minimum": 1, "description": "For news: how many days back."},
                **{name: {"type": "boolean"} for name in FLAGS},
                "include_domains": {"type": "array", "items": {"type": "string"}},
                "exclude_domains": {"type": "array", "items": {"type": "string"}},
            },
            "query",
        ),
        _tavily,
        (("TAVILY_API_KEY",),),
    ),
    Builtin(
        spec(
            "traversaal_search",
            "Answers a question from the web, with its sources. The question is a whole sentence.",
            {"query": QUERY},
            "query",
        ),
        _traversaal,
        (("TRAVERSAAL_API_KEY",),),
    ),
    Builtin(
        spec(
            "wolfram",
            "Asks Wolfram Alpha: calculations, mathematics, units, dates, and facts of science, geography and money."
            " The question is short and in English; powers are written with ^ and never with **.",
            {"input": {"type": "string", "description": "The question."}},
            "input",
        ),
        _wolfram,
        (("WOLFRAM_APP_ID",),),
    ),
    Builtin(
        spec(
            "azure-ai-search",
            "Searches the documents of an index and gives those that fit.",
            {"query": QUERY},
            "query",
        ),
        _azure,
        (
            ("AZURE_AI_SEARCH_SERVICE_ENDPOINT",),
            ("AZURE_AI_SEARCH_INDEX_NAME",),
            ("AZURE_AI_SEARCH_API_KEY",),
        ),
        (
            "AZURE_AI_SEARCH_API_VERSION",
            "AZURE_AI_SEARCH_SEARCH_OPTION_QUERY_TYPE",
            "AZURE_AI_SEARCH_SEARCH_OPTION_TOP",
            "AZURE_AI_SEARCH_SEARCH_OPTION_SELECT",
        ),
        ("AZURE_AI_SEARCH_SERVICE_ENDPOINT",),
    ),
)
ADDRESSES = {
    "google": "https://www.googleapis.com/customsearch/v1",
    "tavily_search_results_json": "https://api.tavily.com/search",
    "traversaal_search": "https://api-ares.traversaal.ai/live/predict",
    "wolfram": "https://www.wolframalpha.com/api/v1/llm-api",
}
