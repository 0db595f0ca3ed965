"""A small HTTP/1.1 server on loopback that writes its answers piece by piece, exactly as a script says.

It runs in a thread of its own, so that tests of threads, of coroutines and of other processes can use it.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.waiting import PATIENCE

POLL_SECONDS = 0.002


class Cut:
    """Breaks the connection off, in the place of a piece."""


CUT = Cut()
# Bytes are sent, a number of seconds is waited, an event is waited for.
Piece = bytes | float | threading.Event | Cut


@dataclass
class Received:
    """A request as the server got it; `answered` at its answer's end, `left` once the client has gone before."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    left: bool = False
    answered: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """An answer byte for byte. Without a `Content-Length` it is chunked, each piece a chunk."""

    pieces: Sequence[Piece] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    endless: bool = False


def json_answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """An answer in one piece."""
    content = json.dumps(body, ensure_ascii=False).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        [content],
        status,
        {"Content-Type": "application/json", "Content-Length": str(len(content)), **named},
    )


def event_stream(*pieces: Piece, endless: bool = False) -> Answer:
    """A stream of events from its bytes; an endless one repeats them."""
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    return Answer(pieces, 200, headers, endless)


@dataclass
class ProviderServer:
    """A running server: its address, what it received, how many connections were made to it."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    faults: list[Exception] = field(default_factory=list)

    @property
    def chats(self) -> list[Received]:
        """The requests for an answer of a model."""
        return [request for request in self.requests if request.method == "POST"]


Respond = Callable[[Received], Answer]


@contextmanager
def serving(respond: Respond, path: str = "") -> Iterator[ProviderServer]:
    """Answer every request with what `respond` says; `path` is added to the address."""
    server = ProviderServer()
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        listening = await asyncio.start_server(
            _Connections(server, respond).serve, "127.0.0.1", 0, backlog=2048
        )
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}{path}"
        started.set()
        await stop.wait()
        listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(PATIENCE)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        for task in asyncio.all_tasks(loop):
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    for fault in server.faults:
        raise fault


class _Connections:
    def __init__(self, server: ProviderServer, respond: Respond) -> None:
        self._server = server
        self._respond = respond

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server.connections += 1
        try:
            while received := await _read_request(reader):
                self._server.requests.append(received)
                if not await _Writer(reader, writer, received).answer(self._respond(received)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as fault:
            # The script's own: raised where the test can see it.
            self._server.faults.append(fault)
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, body)


class _Writer:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: Received
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._received = received

    async def answer(self, answer: Answer) -> bool:
        """Write the answer; whether the connection can be used again. One that begins with a cut has no headers."""
        if answer.pieces and answer.pieces[0] is CUT:
            self._writer.transport.abort()
            return False
        chunked = "Content-Length" not in answer.headers
        lines = [
            f"HTTP/1.1 {answer.status} Said",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            await self._pieces(answer, chunked)
        except ConnectionError:
            self._received.left = True
            return False
        except _CutOff:
            self._writer.transport.abort()
            return False
        if chunked:
            self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        self._received.answered = True
        return True

    async def _pieces(self, answer: Answer, chunked: bool) -> None:
        while True:
            for piece in answer.pieces:
                await self._piece(piece, chunked)
            if not answer.endless:
                return

    async def _piece(self, piece: Piece, chunked: bool) -> None:
        if isinstance(piece, bytes):
            self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await self._writer.drain()
            # Each piece in a packet of its own, as far as that is in our hands.
            await asyncio.sleep(0)
        elif isinstance(piece, threading.Event):
            while not piece.is_set():
                await self._pause(POLL_SECONDS)
        elif isinstance(piece, Cut):
            raise _CutOff
        else:
            await self._pause(piece)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._reader.at_eof() or self._reader.exception() or self._writer.is_closing():
            raise ConnectionResetError


class _CutOff(Exception):
    """The script says that the connection ends here."""
