"""MCP servers that other people wrote: the reference servers of npm and FastMCP, over every transport."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from echo.settings.mcp import HTTP, SSE, STDIO, McpServer
from echo.tools.mcp.connection import Connection
from echo.tools.mcp.failures import LoginNeeded
from echo.tools.mcp.manager import Use
from tests.conftest import UserClient
from tests.programs_of_others.conftest import ENVIRONMENTS, SCRIPTS
from tests.support.waiting import until
from tests.tools.mcp.conftest import Make, make, text
from tests.tools.mcp.test_logins import log_in, run
from tests.tools.mcp.test_transports import guard_for, with_connection

__all__ = ["make"]
PACKAGES = ENVIRONMENTS / "mcp_node" / "node_modules" / "@modelcontextprotocol"
PYTHON = ENVIRONMENTS / "mcp" / "bin" / "python"
FASTMCP = [str(PYTHON), str(SCRIPTS / "mcp_server.py")]
# What each calls a transport, and where it is served.
OF_EVERYTHING = {HTTP: ("streamableHttp", "/mcp"), SSE: ("sse", "/sse")}
OF_FASTMCP = {HTTP: ("http", "/mcp"), SSE: ("sse", "/sse")}


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not (PYTHON.exists() and PACKAGES.exists()):
        pytest.skip("MCP servers are not installed: `make programs` does it")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int) -> Iterator[None]:
    """A server that listens, until the context ends."""
    environ = {**os.environ, "PORT": str(port)}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=sys.stderr)

    def answers() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        until(answers, seconds=60)
        yield
    finally:
        process.terminate()
        process.wait(30)


def everything(*arguments: str) -> list[str]:
    return ["node", str(PACKAGES / "server-everything" / "dist" / "index.js"), *arguments]


def process(name: str, command: list[str]) -> McpServer:
    program, *arguments = command
    return McpServer(name, STDIO, command=program, arguments=tuple(map(text, arguments)), stderr="ignore")


def at(name: str, kind: str, port: int, path: str, **more: Any) -> McpServer:
    return McpServer(name, kind, url=text(f"http://127.0.0.1:{port}{path}"), **more)


async def tour_of_everything(connection: Connection) -> tuple[Any, ...]:
    names = {each.name for each in await connection.tools()}
    said = await connection.call("echo", {"message": "hé"})
    picture = await connection.call("get-tiny-image", {})
    links = await connection.call("get-resource-links", {"count": 2})
    return (
        {"echo", "get-sum", "trigger-long-running-operation"} <= names,
        [each.text for each in said.content],  # type: ignore[union-attr]
        "image" in [each.type for each in picture.content],
        [each.type for each in links.content].count("resource_link"),
    )


class TestEverything:
    FOUND = (True, ["Echo: hé"], True, 2)

    def test_as_a_process(self) -> None:
        server = process("everything", everything("stdio"))
        assert with_connection(server, guard_for(), tour_of_everything) == self.FOUND

    @pytest.mark.parametrize("kind", [HTTP, SSE])
    def test_over_http(self, kind: str) -> None:
        name, path = OF_EVERYTHING[kind]
        port = free_port()
        with serving(everything(name), port):
            found = with_connection(at("everything", kind, port, path), guard_for(port), tour_of_everything)
        assert found == self.FOUND


def test_files_of_one_directory(tmp_path: Path) -> None:
    """The server itself keeps to its directory: Echo gives it no other."""
    (tmp_path / "note.txt").write_text("28 days")
    program = str(PACKAGES / "server-filesystem" / "dist" / "index.js")

    async def read(connection: Connection) -> list[Any]:
        found = [
            await connection.call("read_text_file", {"path": path})
            for path in (str(tmp_path / "note.txt"), "/etc/hostname")
        ]
        return [(each.content[0].text == "28 days", bool(each.is_error)) for each in found]  # type: ignore[union-attr]

    server = process("files", ["node", program, str(tmp_path)])
    assert with_connection(server, guard_for(), read) == [(True, False), (False, True)]


async def tour_of_fastmcp(connection: Connection) -> tuple[Any, ...]:
    names = [each.name for each in await connection.tools()]
    summed = await connection.call("add", {"a": 2, "b": 3})
    failed = await connection.call("fail", {})
    return connection.instructions, names, summed.content[0].text, bool(failed.is_error)  # type: ignore[union-attr]


class TestFastMcp:
    FOUND = ("Sums things.", ["add", "fail"], "5", True)

    def test_as_a_process(self) -> None:
        server = process("sums", [*FASTMCP, "stdio"])
        assert with_connection(server, guard_for(), tour_of_fastmcp) == self.FOUND

    @pytest.mark.parametrize("kind", [HTTP, SSE])
    def test_over_http(self, kind: str) -> None:
        name, path = OF_FASTMCP[kind]
        port = free_port()
        with serving([*FASTMCP, name, str(port)], port):
            found = with_connection(at("sums", kind, port, path), guard_for(port), tour_of_fastmcp)
        assert found == self.FOUND

    def test_with_a_login(self, make: Make, ada: UserClient) -> None:
        """Discovery, registration, PKCE and the token: nothing of it is configured."""
        port = free_port()
        server = at("sums", HTTP, port, "/mcp", requires_oauth=True)
        made = make(server, allowed_addresses=(f"127.0.0.1:{port}",))
        use = Use(ada.id, server)

        async def work() -> tuple[str, Any]:
            with pytest.raises(LoginNeeded):
                await made.service.manager.call(use, "add", {"a": 2, "b": 3})
            location = await log_in(made, ada, server)
            said = await made.service.manager.call(use, "add", {"a": 2, "b": 3})
            return location, said["content"][0]["text"]

        with serving([*FASTMCP, "login", str(port)], port):
            location, said = run(made, work())
        assert location.endswith("/oauth/success?serverName=sums")
        assert said == "5"
