"""Real servers over every transport: what works, and what does not."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from echo.providers.addresses import AddressGuard
from echo.settings.mcp import HTTP, SSE, McpServer
from echo.tools.mcp import stdio
from echo.tools.mcp.connection import Connection
from echo.tools.mcp.dialling import dial
from echo.tools.mcp.failures import CallFailed, LoginNeeded, NotConnected
from echo.tools.mcp.resolving import reach
from tests.support.mcp.proxying import proxying
from tests.support.mcp.serving import served
from tests.support.waiting import PATIENCE
from tests.tools.mcp.conftest import over_http, over_sse, over_stdio, text

Work = Callable[[Connection], Awaitable[Any]]


def guard_for(*ports: int) -> AddressGuard:
    return AddressGuard(f"127.0.0.1:{port}" for port in ports)


def with_connection(server: McpServer, guard: AddressGuard, work: Work) -> Any:
    async def run() -> Any:
        connection = await dial(server, reach(server, {}), guard)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


async def said(connection: Connection, tool: str, **arguments: Any) -> str:
    [block] = (await connection.call(tool, arguments)).content
    return str(block.text)  # type: ignore[union-attr]


async def tour(connection: Connection) -> list[Any]:
    """What every transport has to do."""
    names = {each.name for each in await connection.tools()}
    told = [
        connection.instructions,
        {"echo", "slow", "huge"} <= names,
        await said(connection, "echo", text="hé"),
    ]
    broken = await connection.call("broken", {})
    told += [broken.is_error]
    waiting = asyncio.create_task(connection.call("slow", {"key": "a"}))
    while await said(connection, "state", key="a") != "begun":
        await asyncio.sleep(0.01)
    waiting.cancel()
    while (state := await said(connection, "state", key="a")) == "begun":
        await asyncio.sleep(0.01)
    await connection.call("learn", {})
    while "learned" not in {each.name for each in await connection.tools()}:
        await asyncio.sleep(0.01)
    return [*told, state]


class TestEveryTransport:
    def test_calls_are_made_cancelled_and_lists_that_change_are_noticed(
        self, http_port: int, sse_port: int
    ) -> None:
        guard = guard_for(http_port, sse_port)
        for server in (over_http(http_port), over_sse(sse_port), over_stdio()):
            found = with_connection(server, guard, tour)
            assert found == ["Use echo for words.", True, "hé", True, "cancelled"], server.name

    def test_many_calls_run_at_once_over_one_connection(self, http_port: int) -> None:
        async def meet(connection: Connection) -> list[str]:
            return await asyncio.gather(*(said(connection, "meet", number=24) for _ in range(24)))

        server = over_http(http_port, call_seconds=PATIENCE)
        assert with_connection(server, guard_for(http_port), meet) == ["met"] * 24

    @pytest.mark.parametrize("kind", [HTTP, SSE])
    def test_headers_go_with_every_request_and_no_packing_is_asked_for(
        self, kind: str, http_port: int, sse_port: int
    ) -> None:
        headers = {"X-Team": text("desk")}
        server = (
            over_http(http_port, headers=headers) if kind == HTTP else over_sse(sse_port, headers=headers)
        )

        async def work(connection: Connection) -> Any:
            return json.loads(await said(connection, "whoami"))

        seen = with_connection(server, guard_for(http_port, sse_port), work)
        assert (seen["x-team"], seen["accept-encoding"]) == ("desk", "identity")


class TestFailures:
    def test_a_call_that_takes_too_long_ends(self, http_port: int) -> None:
        async def work(connection: Connection) -> Any:
            with pytest.raises(CallFailed, match=r"timed out|in time"):
                await connection.call("slow", {"key": "b"})
            return await said(connection, "echo", text="still here")

        server = over_http(http_port, call_seconds=0.2)
        assert with_connection(server, guard_for(http_port), work) == "still here"

    def test_an_answer_that_is_too_large_is_no_end_of_others(self, http_port: int) -> None:
        async def work(connection: Connection) -> Any:
            with pytest.raises(CallFailed, match="too large"):
                await connection.call("huge", {"size": 17 * 1024 * 1024})
            return await said(connection, "echo", text="still here")

        assert with_connection(over_http(http_port), guard_for(http_port), work) == "still here"

    def test_a_process_that_dies_or_says_too_much_ends_the_connection(self) -> None:
        async def run() -> list[bool]:
            states = []
            for tool, arguments in (("die", {}), ("huge", {"size": 17 * 1024 * 1024})):
                connection = await dial(over_stdio(), reach(over_stdio(), {}), AddressGuard())
                with pytest.raises(NotConnected) as caught:
                    await connection.call(tool, arguments)
                states += [caught.value.unsent, connection.is_open]
                await connection.close()
            return states

        assert asyncio.run(run()) == [False, False, False, False]

    @pytest.mark.usefixtures("impatient")
    def test_a_program_that_is_not_there_or_does_not_answer(self) -> None:
        for command in (("no-such-program",), ("sleep", "60")):
            server = McpServer(
                "x",
                "stdio",
                command=command[0],
                arguments=tuple(map(text, command[1:])),
                begin_seconds=0.3,
                stderr="ignore",
            )
            with pytest.raises(NotConnected):
                asyncio.run(dial(server, reach(server, {}), AddressGuard()))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "END_SECONDS", 0.1)


class TestProcesses:
    def test_see_nothing_of_the_servers_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JWT_SECRET", "canary")
        server = over_stdio(environment={"OWN": text("mine")})

        async def work(connection: Connection) -> Any:
            return json.loads(await said(connection, "environment"))

        seen = with_connection(server, AddressGuard(), work)
        assert seen["OWN"] == "mine"
        assert "canary" not in seen.values()
        assert seen.keys() <= {
            "OWN",
            *("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"),
            "LC_CTYPE",
        }

    @pytest.mark.usefixtures("impatient")
    def test_end_with_what_started_them(self, tmp_path: Any) -> None:
        note = tmp_path / "pid"
        script = f"import os; open({str(note)!r}, 'w').write(str(os.getpid())); input(); import time; time.sleep(60)"
        server = McpServer(
            "x",
            "stdio",
            command="python3",
            arguments=(text("-c"), text(script)),
            begin_seconds=1.0,
            stderr="ignore",
        )
        with pytest.raises(NotConnected):
            asyncio.run(dial(server, reach(server, {}), AddressGuard()))
        with pytest.raises(ProcessLookupError):
            os.kill(int(note.read_text()), 0)


def answering(status: int, headers: dict[str, str], body: bytes = b"") -> Any:
    """An application that says the same to everybody, and notes who came."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        seen.append(scope["path"])
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    app.seen = seen  # type: ignore[attr-defined]
    return app


class TestAddresses:
    def test_private_ones_are_not_connected_to(self, http_port: int) -> None:
        for url in (
            f"http://127.0.0.1:{http_port}/mcp",
            "http://localhost:80/",
            "http://169.254.169.254/",
            "http://[::1]:1/",
        ):
            server = McpServer("x", HTTP, url=text(url))
            with pytest.raises(NotConnected):
                asyncio.run(dial(server, reach(server, {}), AddressGuard()))

    def test_a_redirect_leads_nowhere_else(self) -> None:
        inside = answering(200, {"content-type": "application/json"}, b"{}")
        with served(lambda _port: inside) as private:
            away = answering(307, {"location": f"http://127.0.0.1:{private}/secret"})
            with served(lambda _port: away) as port:
                for server in (over_http(port), over_sse(port)):
                    with pytest.raises(NotConnected):
                        asyncio.run(dial(server, reach(server, {}), guard_for(port, private)))
        assert away.seen
        assert inside.seen == []

    @pytest.mark.parametrize(
        ("status", "headers"),
        [(200, {"content-encoding": "gzip"}), (200, {"content-type": "text/html"}), (500, {}), (403, {})],
    )
    def test_what_is_no_server_is_none(self, status: int, headers: dict[str, str]) -> None:
        with served(lambda _port: answering(status, headers, b"x")) as port:
            server = over_http(port, begin_seconds=2.0)
            with pytest.raises(NotConnected):
                asyncio.run(dial(server, reach(server, {}), guard_for(port)))

    def test_one_that_wants_a_login_says_so(self, guarded_port: int) -> None:
        server = over_http(guarded_port)
        with pytest.raises(LoginNeeded):
            asyncio.run(dial(server, reach(server, {}), guard_for(guarded_port)))


class TestProxies:
    @pytest.mark.parametrize(("scheme", "user"), [("http", "ada:s%40cret@"), ("socks5", "")])
    def test_are_asked_for_the_server(self, scheme: str, user: str, http_port: int, sse_port: int) -> None:
        with proxying() as proxy:
            url = f"{scheme}://{user}127.0.0.1:{proxy.port}"
            for server in (over_http(http_port, proxy=url), over_sse(sse_port, proxy=url)):
                guard = guard_for(http_port, sse_port)
                assert with_connection(server, guard, lambda each: said(each, "echo", text="hé")) == "hé"
        assert set(proxy.asked) == {f"127.0.0.1:{http_port}", f"127.0.0.1:{sse_port}"}
        # "ada:s@cret"
        assert set(proxy.credentials) == ({"Proxy-Authorization: Basic YWRhOnNAY3JldA=="} if user else set())

    @pytest.mark.parametrize("url", ["http://127.0.0.1:{}/mcp", "http://a.example/mcp", "https://10.0.0.1/"])
    def test_are_asked_for_nothing_that_nobody_has_named(self, url: str, http_port: int) -> None:
        """What a name stands for there cannot be seen from here."""
        with proxying() as proxy:
            server = McpServer(
                "x", HTTP, url=text(url.format(http_port)), proxy=f"http://127.0.0.1:{proxy.port}"
            )
            with pytest.raises(NotConnected):
                asyncio.run(dial(server, reach(server, {}), AddressGuard()))
        assert proxy.asked == []
