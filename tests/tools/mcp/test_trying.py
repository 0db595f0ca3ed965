"""Servers tried for their operator: what is told of each way in which one does not answer, and never a secret."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import structlog

from echo.doctor import Status, begin
from echo.doctor.mcp import check_mcp
from echo.providers.addresses import AddressGuard
from echo.settings import Settings
from echo.settings.mcp import HTTP, STDIO, McpServer, McpSettings
from echo.tools.mcp.dialling import dial
from echo.tools.mcp.failures import NotConnected
from echo.tools.mcp.resolving import reach
from echo.tools.mcp.trying import Tried, try_server
from tests.support.mcp.serving import served
from tests.tools.mcp.conftest import over_http, over_stdio, text
from tests.tools.mcp.test_transports import answering

SECRET = {"Authorization": text("Bearer canary")}


def tried(server: McpServer, **values: str) -> Tried:
    return asyncio.run(try_server(McpSettings((server,)), server, values))


def at(url: str, **more: Any) -> McpServer:
    return McpServer("x", HTTP, url=text(url), headers=SECRET, begin_seconds=20.0, **more)


def program(*arguments: str, **more: Any) -> McpServer:
    command, *rest = arguments
    return McpServer("x", STDIO, command=command, arguments=tuple(map(text, rest)), stderr="ignore", **more)


def test_servers_that_answer(http_port: int, guarded_port: int) -> None:
    found = tried(over_http(http_port))
    assert (found.works, "echo" in found.tools) == (True, True)
    assert found.told == f"it answers, and has {len(found.tools)} tools"
    assert tried(over_stdio()).works
    assert tried(over_http(guarded_port)).told == "it answers, and wants users to log in"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (302, "it sends elsewhere (302): name that address itself"),
        (400, "it refuses the request (400): check its type and its headers"),
        (403, "it does not let us in (403)"),
        (404, "there is nothing at its address (404): check the path"),
        (418, "it answers 418"),
        (503, "it answers 503: it is out of order"),
        (200, "it answers, but not as MCP has it"),
    ],
)
def test_what_a_status_means(status: int, told: str) -> None:
    body = b"canary"
    with served(lambda _port: answering(status, {"content-type": "text/html"}, body)) as port:
        assert tried(at(f"http://127.0.0.1:{port}/canary")) == replace(
            Tried(works=False, told=told), seconds=pytest.approx(0, abs=30)
        )


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (at("http://127.0.0.1:1/canary"), "nobody accepts connections there"),
        (at("http://no-such-host.invalid/"), "its name cannot be resolved"),
        (
            program("no-such-program", "canary"),
            "its program cannot be started: it must be installed, and in PATH",
        ),
        (
            program("sh", "-c", "exit 3"),
            "its process has ended with code 3 (its standard error output says why)",
        ),
        (program("sleep", "60", begin_seconds=0.3), "it did not answer within 0.3 s (process)"),
        (
            replace(over_stdio(), variables={"TOKEN": {"title": "T", "description": "D"}}),
            "values are not set: TOKEN",
        ),
    ],
    ids=["closed", "no name", "no program", "ends", "is silent", "values"],
)
def test_how_far_it_came(server: McpServer, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo.tools.mcp.stdio.END_SECONDS", 0.1)
    with structlog.testing.capture_logs() as lines:
        found = tried(server)
        assert (found.works, found.told, lines) == (False, told, [])
        if "values" not in told:
            with pytest.raises(NotConnected):
                asyncio.run(dial(server, reach(server, {}), AddressGuard(["127.0.0.1:1"])))
    assert "canary" not in str(lines)
    facts = [(each["server"], each["transport"], each["why"]) for each in lines]
    assert facts == ([] if "values" in told else [(server.name, server.type, told)])


def test_a_port_without_tls(http_port: int) -> None:
    assert tried(at(f"https://127.0.0.1:{http_port}/mcp")).told == "TLS fails"


def test_an_address_that_is_not_allowed(http_port: int) -> None:
    server = over_http(http_port)
    rules = McpSettings((server,), allowed_domains=("*.example",))
    found = asyncio.run(try_server(rules, server, {}))
    assert found.told == "mcpSettings.allowedDomains does not have its address"


def test_the_doctor_tries_all_that_need_no_user(settings: Settings, http_port: int) -> None:
    personal = over_http(http_port, "personal", variables={"K": {"title": "K", "description": "K"}})
    servers = (over_http(http_port), at("http://127.0.0.1:1/"), personal)
    examined = replace(begin({}, None), settings=replace(settings, mcp=McpSettings(servers)))
    found = {each.about: (each.status, each.what) for each in check_mcp(examined)}
    assert found["MCP server web"][0] is Status.OK
    assert found["MCP server x"] == (Status.FAILED, "nobody accepts connections there")
    assert found["MCP server personal"][0] is Status.SKIPPED
    [offline] = check_mcp(replace(examined, offline=True))
    assert (offline.status, offline.what) == (Status.SKIPPED, "not asked: web, x, personal")
    assert list(check_mcp(replace(examined, settings=settings))) == []
