"""Answers to HTTP/1.0, by uvicorn with our cycle, over real connections."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http import httptools_impl

from echo.serving.http10 import answer_http10
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
    answer_http10()
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


class TestHttp11:
    def test_is_answered_in_chunks_as_before(self, port: int) -> None:
        head, body = ask(port, "/", "HTTP/1.1")
        assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        assert b"transfer-encoding: chunked" in head

    def test_a_body_that_breaks_off_lacks_the_last_chunk(self, port: int) -> None:
        _, body = ask(port, "/broken", "HTTP/1.1")
        assert body == b"3\r\none\r\n"
