"""Servers of the tests' own, one of each kind for a whole run, and what reaches them."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from echo.access.assembly import build_access
from echo.accounts.federation.delegation import Delegate, Delegations
from echo.accounts.plugin_keys import PluginKeys
from echo.accounts.turns import Turns
from echo.accounts.user_keys import make_cipher
from echo.background import Background
from echo.settings import Settings
from echo.settings.mcp import HTTP, SSE, STDIO, McpServer, McpSettings, Template
from echo.tools.mcp.assembly import McpParts, build_mcp
from echo.tools.mcp.service import McpService
from storage.accounts.openid_tokens import OpenIdTokenRepository
from storage.accounts.plugin_auths import PluginAuthRepository
from storage.accounts.preferences import PreferenceRepository
from storage.accounts.renewals import RenewalRepository
from storage.core.database import Database
from tests.support.mcp.guarded import Provider, guarded
from tests.support.mcp.serving import served
from tests.support.mcp.toolbox import toolbox

ROOT = Path(__file__).parents[3]


def text(value: str) -> Template:
    return Template((value,), ())


@pytest.fixture(scope="session")
def http_port() -> Iterator[int]:
    with served(lambda _port: toolbox().streamable_http_app()) as port:
        yield port


@pytest.fixture(scope="session")
def sse_port() -> Iterator[int]:
    with served(lambda _port: toolbox().sse_app()) as port:
        yield port


@pytest.fixture(scope="session")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="session")
def guarded_port(provider: Provider) -> Iterator[int]:
    with served(lambda port: guarded(provider, port)) as port:
        yield port


def over_http(port: int, name: str = "web", **more: Any) -> McpServer:
    return McpServer(name, HTTP, url=text(f"http://127.0.0.1:{port}/mcp"), **more)


def over_sse(port: int, **more: Any) -> McpServer:
    return McpServer("events", SSE, url=text(f"http://127.0.0.1:{port}/sse"), **more)


def over_stdio(**more: Any) -> McpServer:
    return McpServer(
        "process",
        STDIO,
        command=sys.executable,
        arguments=(text(str(ROOT / "tests/support/mcp/tiny.py")),),
        stderr="ignore",
        **more,
    )


@dataclass
class Made:
    """MCP as an application has it, over servers of a test's."""

    service: McpService
    keys: PluginKeys
    database: Database
    background: Background


Make = Callable[..., Made]


@pytest.fixture
def make(settings: Settings, app_database: Database) -> Make:
    """MCP with these servers of the operator's."""

    def make(*servers: McpServer, delegate: Delegate | None = None, **rules: Any) -> Made:
        own = replace(settings, mcp=McpSettings(servers, **rules))
        access = build_access(app_database, settings.model_access).access
        keys = PluginKeys(
            PluginAuthRepository(app_database), PreferenceRepository(app_database), make_cipher(own), {}
        )
        cipher = make_cipher(own)
        turns = Turns(RenewalRepository(app_database))
        delegations = Delegations(OpenIdTokenRepository(app_database), turns, cipher, delegate)
        background = Background()
        service = build_mcp(own, app_database, McpParts(access, keys, delegations, background))
        return Made(service, keys, app_database, background)

    return make
