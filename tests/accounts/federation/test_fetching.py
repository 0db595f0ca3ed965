"""What is asked of other servers: where, how, and what of an answer counts."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from echo.accounts.federation import fetching
from echo.accounts.federation.fetching import Fetcher, error_word, host_and_port
from echo.accounts.federation.identity import Refused
from tests.support.providers.server import Answer, ProviderServer, Received, json_answer, serving

ANSWERS = {
    "/object": json_answer({"a": 1}),
    "/list": json_answer([1]),
    "/refused": json_answer({"error": "invalid_grant", "error_description": "secret"}, 400),
    "/refused-well": json_answer({"error": "access_denied"}),
    "/odd-error": json_answer({"error": "<b>"}, 403),
    "/created": json_answer({"a": 1}, 201),
    "/page": Answer([b"<html>"], 502, {"Content-Length": "6"}),
    "/moved": Answer([], 302, {"Location": "/object", "Content-Length": "0"}),
    "/most": Answer([b'"' + b"x" * (1024 * 1024 - 2) + b'"']),
    "/more": Answer([b'"' + b"x" * (1024 * 1024 - 1) + b'"']),
    "/bytes": Answer([b"12345"]),
}


@pytest.fixture(scope="module")
def server() -> Iterator[ProviderServer]:
    def answer(request: Received) -> Answer:
        return ANSWERS[request.path]

    with serving(answer) as running:
        yield running


@pytest.fixture
def fetcher(server: ProviderServer) -> Fetcher:
    server.requests.clear()
    return Fetcher([host_and_port(server.url)], seconds=5)


def why_not(ask: Any) -> str:
    with pytest.raises(Refused) as refused:
        asyncio.run(ask)
    assert refused.value.code == "login_failed"
    return refused.value.detail


def test_is_asked_for_json_with_the_headers_that_are_given(server: ProviderServer, fetcher: Fetcher) -> None:
    url = f"{server.url}/object"
    assert asyncio.run(fetcher.json(url, headers={"Authorization": "Bearer x"})) == {"a": 1}
    assert asyncio.run(fetcher.json(url, form="a=b&c=d")) == {"a": 1}
    got, posted = server.requests
    headers = [{name.lower(): value for name, value in each.headers.items()} for each in (got, posted)]
    assert [(each.method, bytes(each.body)) for each in (got, posted)] == [("GET", b""), ("POST", b"a=b&c=d")]
    assert [each["accept"] for each in headers] == ["application/json"] * 2
    assert (headers[0]["authorization"], "authorization" in headers[1]) == ("Bearer x", False)
    assert headers[1]["content-type"] == "application/x-www-form-urlencoded"
    assert headers[0]["user-agent"].startswith("echo-api/")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/list", "no JSON object"),
        # What went wrong is logged by OAuth's word; nothing else of the answer is.
        ("/refused", "status 400 invalid_grant"),
        ("/refused-well", "status 200 access_denied"),
        ("/odd-error", "status 403 "),
        ("/created", "status 201 "),
        ("/page", "status 502 and no JSON"),
        ("/moved", "status 302 and no JSON"),
        ("/more", "too large an answer"),
    ],
)
def test_an_answer_that_is_none(server: ProviderServer, fetcher: Fetcher, path: str, why: str) -> None:
    assert why_not(fetcher.json(server.url + path)) == why
    assert [each.path for each in server.requests] == [path]


def test_json_may_be_anything_and_a_mebibyte_long(server: ProviderServer, fetcher: Fetcher) -> None:
    assert asyncio.run(fetcher.json_value(f"{server.url}/list")) == [1]
    assert len(asyncio.run(fetcher.json_value(f"{server.url}/most"))) == 1024 * 1024 - 2


def test_content_is_taken_up_to_its_limit(server: ProviderServer, fetcher: Fetcher) -> None:
    assert asyncio.run(fetcher.content(f"{server.url}/bytes", most=5)) == b"12345"
    assert why_not(fetcher.content(f"{server.url}/bytes", most=4)) == "too large an answer"
    assert why_not(fetcher.content(f"{server.url}/page", most=100)) == "status 502"


def test_a_host_that_is_not_named_must_be_public_and_asked_by_tls() -> None:
    fetcher = Fetcher(["sso.internal:8443", "[::1]:80"])
    for good in (
        *("https://sso.example.com/x", "https://sso.internal:8443/", "http://sso.internal:8443/"),
        *("http://[::1]/", "https://sso.example.com/" + "x" * 2024),
    ):
        assert str(fetcher.check(good)) == good
    refused = {
        "http://sso.example.com/": "an address that may not be asked: http://sso.example.com",
        "https://10.0.0.7/": "an address that may not be asked: https://10.0.0.7",
        "http://[::1]:8080/": "an address that may not be asked: http://::1",
        "https://ada@sso.example.com/": "an address that is none",
        "https://:secret@sso.example.com/": "an address that is none",
        "https://sso.example.com:99999/": "an address that is none",
        "https://sso.example.com/" + "x" * 2025: "an address that is none",
        "/path": "an address that is none",
        "mailto:ada@example.com": "an address that is none",
    }
    for address, why in refused.items():
        with pytest.raises(Refused) as raised:
            fetcher.check(address)
        assert (raised.value.code, raised.value.detail) == ("login_failed", why)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"error": "invalid_grant"}, "invalid_grant"),
        ({"error": "x" * 41}, ""),
        ({"error": "a b"}, ""),
        ({"error": ["invalid_grant"]}, ""),
        (["invalid_grant"], ""),
        ({}, ""),
    ],
    ids=str,
)
def test_what_is_logged_of_an_error_is_a_word(value: Any, word: str) -> None:
    assert error_word(value) == word


def test_how_a_place_is_named() -> None:
    assert host_and_port("https://sso.example.com/x") == "sso.example.com:443"
    assert host_and_port("http://[::1]:8080") == "[::1]:8080"


class Names(AbstractResolver):
    """Says that whatever is asked for is on this machine."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is open."""


def test_a_public_name_of_a_private_address_is_not_asked(
    server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, port = Names(), urlsplit(server.url).port
    monkeypatch.setattr(fetching, "ThreadedResolver", lambda: names)
    server.requests.clear()
    address = f"https://sso.example.com:{port}/object"
    assert why_not(Fetcher(seconds=5).json(address)) == "sso.example.com: a private address"
    # One that the operator has named may be there, and may go without TLS.
    named = Fetcher([f"sso.example.com:{port}"], seconds=5)
    assert asyncio.run(named.json(f"http://sso.example.com:{port}/object")) == {"a": 1}
    assert names.asked == ["sso.example.com"] * 2
    assert [each.path for each in server.requests] == ["/object"]


def test_who_does_not_answer_is_named(server: ProviderServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        fetcher = Fetcher([f"127.0.0.1:{port}"], seconds=0.05)
        assert why_not(fetcher.json(f"http://127.0.0.1:{port}/")) == "127.0.0.1 did not answer in time"
    assert why_not(fetcher.json(f"http://127.0.0.1:{port}/")) == "127.0.0.1: ClientConnectorError"


def test_nothing_is_taken_from_the_environment(
    server: ProviderServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert asyncio.run(fetcher.json(f"{server.url}/object")) == {"a": 1}
