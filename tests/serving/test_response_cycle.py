"""How answers are written, and answers to HTTP/1.0 by uvicorn with our cycle, over real connections."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from starlette.types import Message
from uvicorn.protocols.http import httptools_impl

from echo.serving.response_cycle import ResponseCycle, use_response_cycle
from tests.support.waiting import PATIENCE, until


async def app(scope: Any, _receive: Any, send: Any) -> None:
    """Answers in two pieces, or says before how long they are together, or breaks off between them."""
    length = [(b"Content-Length", b"6")] if scope["path"] == "/sized" else []
    status = 204 if scope["path"] == "/empty" else 200
    await send({"type": "http.response.start", "status": status, "headers": length})
    if status == 204:
        await send({"type": "http.response.body"})
        return
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    if scope["path"] == "/broken":
        raise RuntimeError("as a provider that fails in the middle")
    await send({"type": "http.response.body", "body": b"two"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    before = httptools_impl.RequestResponseCycle
    use_response_cycle()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None, log_level=60)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(PATIENCE)
    httptools_impl.RequestResponseCycle = before  # type: ignore[misc]


def ask(port: int, path: str, version: str, method: str = "GET") -> tuple[bytes, bytes]:
    """Head, in small letters, and body of an answer, read until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(f"{method} {path} {version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
        return head.lower(), body


class TestHttp10:
    def test_a_body_of_unknown_length_ends_with_the_connection(self, port: int) -> None:
        head, body = ask(port, "/", "HTTP/1.0")
        assert body == b"onetwo"
        assert b"transfer-encoding" not in head
        assert b"connection: close" in head

    def test_a_length_that_is_known_is_told(self, port: int) -> None:
        head, body = ask(port, "/sized", "HTTP/1.0")
        assert body == b"onetwo"
        assert b"content-length: 6" in head

    @pytest.mark.parametrize(("path", "method"), [("/empty", "GET"), ("/", "HEAD")])
    def test_where_no_body_belongs_there_is_none(self, port: int, path: str, method: str) -> None:
        head, body = ask(port, path, "HTTP/1.0", method)
        assert body == b""
        assert b"transfer-encoding" not in head

    def test_a_body_that_breaks_off_does_not_look_whole(self, port: int) -> None:
        with pytest.raises(ConnectionResetError):
            ask(port, "/broken", "HTTP/1.0")


class Written:
    """In the place of a connection's transport: what is written, call by call, and that it is closed."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.closed = False

    def write(self, content: bytes) -> None:
        self.calls.append(bytes(content))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


def made(transport: Written, method: str = "GET", *, keep_alive: bool = True) -> ResponseCycle:
    given: dict[str, Any] = {
        "scope": {"type": "http", "method": method, "http_version": "1.1"},
        "transport": transport,
        "flow": SimpleNamespace(write_paused=False),
        "logger": logging.getLogger("test"),
        "access_logger": None,
        "access_log": False,
        "default_headers": [],
        "message_event": asyncio.Event(),
        "expect_100_continue": False,
        "keep_alive": keep_alive,
        "on_response": lambda: None,
    }
    return ResponseCycle(**given)


def written(*messages: Message | None, method: str = "GET", keep_alive: bool = True) -> list[bytes]:
    """What is written for an answer; in the place of None the application waits."""
    transport = Written()
    cycle = made(transport, method, keep_alive=keep_alive)

    async def send_all() -> None:
        for message in messages:
            await (cycle.send(message) if message else asyncio.sleep(0))
        await asyncio.sleep(0)

    asyncio.run(send_all())
    assert (cycle.response_complete, transport.closed) == (True, not keep_alive)
    return transport.calls


def start(length: int | None, *, status: int = 200) -> Message:
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": status, "headers": headers}


def piece(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


class TestHead:
    def test_goes_with_a_body(self) -> None:
        assert written(start(5), piece(b"whole")) == [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole"]

    def test_goes_with_the_first_piece_of_a_body_of_known_length(self) -> None:
        assert written(start(6), piece(b"one", more=True), piece(b"two")) == [
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\none",
            b"two",
        ]

    def test_goes_with_nothing_where_the_body_is_empty(self) -> None:
        assert written(start(0, status=202), piece(b"")) == [
            b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
        ]

    def test_is_all_of_an_answer_to_head(self) -> None:
        assert written(start(5), piece(b""), method="HEAD") == [
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
        ]

    @pytest.mark.parametrize(("size", "calls"), [(65_536, 1), (65_537, 2)])
    def test_goes_before_a_long_body(self, size: int, calls: int) -> None:
        told = written(start(size), piece(bytes(size)))
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode()
        assert (len(told), b"".join(told)) == (calls, head + bytes(size))

    def test_goes_with_the_first_event(self) -> None:
        assert written(start(None), piece(b"event", more=True), piece(b"")) == [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nevent\r\n",
            b"0\r\n\r\n",
        ]

    def test_does_not_wait_for_what_comes_later(self) -> None:
        assert written(start(5), None, piece(b"whole")) == [
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
            b"whole",
        ]

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_goes_before_the_connection_ends(self, method: str) -> None:
        body = b"" if method == "HEAD" else b"whole"
        assert written(start(5), piece(body), method=method, keep_alive=False) == [
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n" + body
        ]

    @pytest.mark.parametrize("is_there", [True, False])
    def test_is_all_that_leaves_where_the_application_fails_behind_it(self, is_there: bool) -> None:
        transport = Written()

        async def fails(scope: Any, receive: Any, send: Any) -> None:
            await send(start(5))
            transport.closed = not is_there
            raise RuntimeError("as a handler that fails")

        async def run() -> None:
            await made(transport).run_asgi(fails)
            await asyncio.sleep(0)

        asyncio.run(run())
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
        assert (transport.calls, transport.closed) == ([head] if is_there else [], True)

    def test_leaves_not_where_the_client_has_gone(self) -> None:
        transport = Written()

        async def run() -> None:
            cycle = made(transport)
            cycle.disconnected = True
            await cycle.send(start(5))
            await cycle.send(piece(b"whole"))
            await asyncio.sleep(0)

        asyncio.run(run())
        assert transport.calls == []

    @pytest.mark.parametrize("body", [b"four", b"sixsix"])
    def test_still_says_how_long_the_body_must_be(self, body: bytes) -> None:
        with pytest.raises(RuntimeError, match="Response content"):
            written(start(5), piece(body))


class TestHttp11:
    def test_is_answered_in_chunks_as_before(self, port: int) -> None:
        head, body = ask(port, "/", "HTTP/1.1")
        assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        assert b"transfer-encoding: chunked" in head

    def test_a_body_that_breaks_off_lacks_the_last_chunk(self, port: int) -> None:
        _, body = ask(port, "/broken", "HTTP/1.1")
        assert body == b"3\r\none\r\n"
