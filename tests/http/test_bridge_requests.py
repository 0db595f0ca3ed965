"""One request on its way through the bridge: what the handler gets, and what is sent of its reply."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message

from echo.handling.pending import Pending
from echo.handling.reply import Reply, Unfinished
from echo.http.bridge import Bridge, close_pieces, while_client_stays
from echo.http.pools import Pools

CALLER, CLIENT = object(), object()
HEADERS = [(b"x-a", b"b")]
START = {"type": "http.response.start", "status": 201, "headers": HEADERS}


@pytest.fixture(scope="module")
def pools() -> Iterator[Pools]:
    pools = Pools(1)
    yield pools
    pools.close()


class Client:
    """What is sent to a client that stays, leaves at once, or hears of nothing at all."""

    def __init__(self, *, leaves: bool = False) -> None:
        self.sent: list[Message] = []
        self._leaves = leaves
        # What is left of the request's body says nothing of whether the client is there.
        self._rest = [{"type": "http.request", "body": b""}]

    async def receive(self) -> Message:
        if self._rest:
            return self._rest.pop()
        if not self._leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


def scope_of(pool: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "headers": [(b"if-none-match", b'"1"')],
        "echo.arguments": {"limit": 5},
        "echo.caller": CALLER,
        "echo.client": CLIENT,
        "echo.operation": SimpleNamespace(pool=pool),
        "echo.request_id": "r-1",
    }


def ask(
    pools: Pools, answer: Callable[[dict[str, Any]], Reply], client: Client | None = None, pool: str = "read"
) -> list[Message]:
    client = client or Client()
    asyncio.run(Bridge(answer, pools)(scope_of(pool), client.receive, client.send))
    return client.sent


def pending(reply: Reply) -> Reply:
    async def make() -> str:
        # Long enough for a watch over the client that fails to be noticed.
        for _ in range(10):
            await asyncio.sleep(0)
        return "made"

    def respond(made: str) -> Reply:
        assert made == "made"
        return reply

    return Reply(200, [], pending=Unfinished(Pending(make), respond))


def test_the_handler_gets_what_was_found_out(pools: Pools) -> None:
    asked: list[Any] = []

    def answer(request: dict[str, Any]) -> Reply:
        asked.append(request)
        return Reply(204, [])

    ask(pools, answer)
    [request] = asked
    assert request.pop("echo.operation").pool == "read"
    assert request == {
        "echo.arguments": {"limit": 5},
        "echo.caller": CALLER,
        "echo.client": CLIENT,
        "echo.conditions": {"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": '"1"'},
    }


@pytest.mark.parametrize("pool", ["status", "read", "write", "password", "slow"])
def test_it_runs_in_a_thread_of_its_operations_pool(pools: Pools, pool: str) -> None:
    names: list[str] = []

    def answer(_request: dict[str, Any]) -> Reply:
        names.append(threading.current_thread().name)
        return Reply(204, [])

    ask(pools, answer, pool=pool)
    assert [name.startswith(f"echo-{pool}_") for name in names] == [True]


class TestReply:
    @pytest.mark.parametrize("later", [False, True])
    def test_is_sent_whole(self, pools: Pools, later: bool) -> None:
        reply = Reply(201, HEADERS, b"words")
        sent = ask(pools, lambda _: pending(reply) if later else reply)
        assert sent == [START, {"type": "http.response.body", "body": b"words"}]

    def test_that_is_checked_says_so(self, pools: Pools) -> None:
        start, _ = ask(pools, lambda _: Reply(201, HEADERS, b"words", is_checked=True))
        assert start == {**START, "echo.checked": True}

    @pytest.mark.parametrize("later", [False, True])
    def test_in_pieces_is_sent_piece_by_piece(self, pools: Pools, later: bool) -> None:
        names: list[str] = []

        def pieces() -> Iterator[bytes]:
            names.append(threading.current_thread().name)
            yield b"one"
            yield b"two"

        def answer(_request: dict[str, Any]) -> Reply:
            reply = Reply(201, HEADERS, pieces=pieces())
            return pending(reply) if later else reply

        assert ask(pools, answer, pool="slow") == [
            START,
            {"type": "http.response.body", "body": b"one", "more_body": True},
            {"type": "http.response.body", "body": b"two", "more_body": True},
            {"type": "http.response.body", "body": b""},
        ]
        assert [name.startswith("echo-slow_") for name in names] == [True]

    @pytest.mark.parametrize("later", [False, True])
    def test_of_events_is_sent_as_they_come(self, pools: Pools, later: bool) -> None:
        closed = []

        async def frames() -> AsyncGenerator[bytes, None]:
            try:
                yield b"data: 1\n\n"
            finally:
                closed.append(True)

        def answer(_request: dict[str, Any]) -> Reply:
            reply = Reply(201, HEADERS, frames=frames())
            return pending(reply) if later else reply

        assert ask(pools, answer) == [
            START,
            {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True},
            {"type": "http.response.body", "body": b""},
        ]
        assert closed == [True]

    def test_that_is_still_to_come_is_given_up_when_the_client_leaves(self, pools: Pools) -> None:
        ended = []

        async def make() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        def answer(_request: dict[str, Any]) -> Reply:
            return Reply(200, [], pending=Unfinished(Pending(make), lambda _: Reply(200, [])))

        assert ask(pools, answer, Client(leaves=True)) == []
        assert ended == [True]

    def test_that_fails_passes_through_with_nothing_sent(self, pools: Pools) -> None:
        client = Client()

        def answer(_request: dict[str, Any]) -> Reply:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            ask(pools, answer, client)
        assert client.sent == []


class TestPieces:
    def test_are_closed_where_the_client_cannot_be_sent_to(self, pools: Pools) -> None:
        closed = []

        def pieces() -> Iterator[bytes]:
            try:
                yield b"one"
                yield b"two"
            finally:
                closed.append(True)

        class Broken(Client):
            async def send(self, message: Message) -> None:
                await super().send(message)
                if message["type"] == "http.response.body":
                    raise OSError("gone")

        client = Broken()
        with pytest.raises(OSError, match="gone"):
            ask(pools, lambda _: Reply(201, HEADERS, pieces=pieces()), client)
        assert [message["type"] for message in client.sent] == ["http.response.start", "http.response.body"]
        assert closed == [True]

    def test_need_not_be_closed(self) -> None:
        close_pieces([b"one"])
        close_pieces(None)


class TestWhileClientStays:
    """What is given up comes to its end before anything else is done."""

    def run(self, *, leaves: bool) -> tuple[Any, list[str]]:
        ended: list[str] = []

        async def wait_for_ever(name: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                for _ in range(10):
                    await asyncio.sleep(0)
                ended.append(name)

        async def receive() -> Message:
            if not leaves:
                await wait_for_ever("receive")
            return {"type": "http.disconnect"}

        async def work() -> int:
            if leaves:
                await wait_for_ever("work")
            return 5

        async def both() -> tuple[Any, list[str]]:
            return await while_client_stays(work(), receive), list(ended)

        return asyncio.run(both())

    def test_the_work(self) -> None:
        assert self.run(leaves=True) == (None, ["work"])

    def test_the_watch_over_the_client(self) -> None:
        assert self.run(leaves=False) == (5, ["receive"])
