"""The ready file: there once the server answers, and no longer than it does."""

import os
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from echo.serving.ready import address_of, ready_file
from tests.support.threaded import serving
from tests.support.waiting import until


class Answer(BaseHTTPRequestHandler):
    """Not ready at first, and then ready."""

    statuses: list[int]

    def do_GET(self) -> None:
        assert self.path == "/ready"
        self.send_response(self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0])
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Answer.statuses = [503, 200]
    server = HTTPServer(("127.0.0.1", 0), Answer)
    with serving(server):
        yield address_of("0.0.0.0", server.server_port)


def test_holds_address_and_process_and_goes_with_the_server(url: str, tmp_path: Path) -> None:
    path = tmp_path / "ready"
    with ready_file(path, url):
        until(path.exists)
        assert path.read_text() == f"ECHO_URL={url}\nECHO_PID={os.getpid()}\n"
        assert Answer.statuses == [200]
    assert list(tmp_path.iterdir()) == []


def test_is_not_there_while_nothing_answers(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    path.write_text("an earlier server's")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with ready_file(path, address_of("127.0.0.1", nobody.getsockname()[1])):
            assert not path.exists()
    assert not path.exists()


def test_addresses_can_be_connected_to() -> None:
    assert address_of("::", 80) == "http://[::1]:80"
    assert address_of("echo.example", 80) == "http://echo.example:80"
