"""The hop from the event loop into a thread."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator
from typing import Any

import pytest
from starlette.types import Message

from echo.handling.event_stream import EventStream
from echo.handling.pending import Pending
from echo.handling.reply import Reply, Unfinished
from echo.http.bridge import finish_and_send, send_pieces, while_client_stays
from echo.http.pools import Pool


class TestEvents:
    def test_are_sent_as_they_come_and_end_with_the_body(self) -> None:
        async def frames() -> AsyncGenerator[bytes, None]:
            yield b"data: 1\n\n"
            yield b"data: 2\n\n"

        sent = asyncio.run(collect(frames(), leaves=False))
        assert [message["body"] for message in sent] == [b"data: 1\n\n", b"data: 2\n\n", b""]
        assert [message.get("more_body", False) for message in sent] == [True, True, False]

    def test_that_are_still_to_come_are_sent_too(self) -> None:
        async def frames() -> AsyncGenerator[bytes, None]:
            yield b"data: 1\n\n"

        async def make() -> EventStream:
            return EventStream(frames())

        def respond(made: EventStream) -> Reply:
            return Reply(201, [(b"x-a", b"b")], frames=made.frames)

        async def sent() -> list[Message]:
            client = Client(leaves=False)
            await finish_and_send(Reply(200, [], pending=Unfinished(Pending(make), respond)), client.send)
            return client.sent

        start, *frames_sent = asyncio.run(sent())
        assert (start["status"], start["headers"]) == (201, [(b"x-a", b"b")])
        assert [message["body"] for message in frames_sent] == [b"data: 1\n\n", b""]

    def test_are_closed_when_the_client_leaves(self) -> None:
        closed = []

        async def frames() -> AsyncGenerator[bytes, None]:
            try:
                yield b"data: 1\n\n"
                await asyncio.sleep(60)
            finally:
                closed.append(True)

        sent = asyncio.run(collect(frames(), leaves=True))
        assert [message["body"] for message in sent] == [b"data: 1\n\n"]
        assert closed == [True]

    def test_what_they_raise_passes_through(self) -> None:
        async def frames() -> AsyncGenerator[bytes, None]:
            yield b"data: 1\n\n"
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            asyncio.run(collect(frames(), leaves=False))


class TestWhileClientStays:
    def run(self, work: Coroutine[Any, Any, Any], leaves_after: float) -> Any:
        async def receive() -> Message:
            await asyncio.sleep(leaves_after)
            return {"type": "http.disconnect"}

        async def both() -> Any:
            return await while_client_stays(work, receive)

        return asyncio.run(both())

    def test_gives_the_result(self) -> None:
        async def work() -> int:
            return 5

        assert self.run(work(), 60) == 5

    def test_passes_on_what_the_work_raises(self) -> None:
        async def work() -> int:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            self.run(work(), 60)

    def test_ends_the_work_when_the_client_leaves(self) -> None:
        ended = []

        async def work() -> int:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(True)
            return 5

        assert self.run(work(), 0.01) is None
        assert ended == [True]


class TestPieces:
    def test_are_sent_one_after_the_other_and_end_with_the_body(self) -> None:
        sent, _ = asyncio.run(collect_pieces(iter([b"1", b"2"]), leaves=False))
        assert [message["body"] for message in sent] == [b"1", b"2", b""]
        assert [message.get("more_body", False) for message in sent] == [True, True, False]

    def test_are_made_in_a_thread_of_the_pool(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield threading.current_thread().name.encode()

        sent, _ = asyncio.run(collect_pieces(pieces(), leaves=False))
        assert sent[0]["body"].startswith(b"echo-tests")

    def test_no_more_are_made_when_the_client_leaves(self) -> None:
        made, closed = [], []

        def pieces() -> Iterator[bytes]:
            try:
                for number in range(1000):
                    made.append(number)
                    # The loop has time to notice that the client has gone.
                    time.sleep(0.05)
                    yield b"x"
            finally:
                closed.append(True)

        asyncio.run(collect_pieces(pieces(), leaves=True))
        assert 0 < len(made) < 1000
        assert closed == [True]

    def test_what_they_raise_passes_through_and_the_body_has_no_end(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"1"
            raise ValueError("broken")

        sent, error = asyncio.run(collect_pieces(pieces(), leaves=False))
        assert isinstance(error, ValueError)
        assert [message.get("more_body", False) for message in sent] == [True]


class Client:
    """What is sent to a client that leaves when it has got something, or stays."""

    def __init__(self, *, leaves: bool) -> None:
        self.sent: list[Message] = []
        self._leaves = leaves
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if self._leaves and message["type"] == "http.response.body":
            self._gone.set()


async def collect_pieces(pieces: Iterator[bytes], *, leaves: bool) -> tuple[list[Message], Exception | None]:
    """What is sent of a body; and how that failed."""
    client = Client(leaves=leaves)
    try:
        await send_pieces(pieces, Pool("tests", 1, waiting=1), client.receive, client.send)
    except ValueError as error:
        return client.sent, error
    return client.sent, None


async def collect(frames: AsyncGenerator[bytes, None], *, leaves: bool) -> list[Message]:
    """What is sent of events."""
    client = Client(leaves=leaves)
    reply = Reply(200, [], frames=frames)
    assert await while_client_stays(finish_and_send(reply, client.send), client.receive) is None
    start, *sent = client.sent
    assert start == {"type": "http.response.start", "status": 200, "headers": []}
    return sent
