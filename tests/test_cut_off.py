"""The time of a request as a whole: what comes drop by drop, at whatever place of the answer, ends with it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from echo import trust
from echo.cut_off import cut_off
from tests.support.certificates import certify
from tests.support.waiting import PATIENCE

PAUSE_SECONDS = 0.01
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
# Where the drops begin: each comes in time for any limit of a single read.
PLACES = {
    "status": b"",
    "headers": HEAD + b"X-Long: ",
    "body": HEAD + b"Content-Length: 100000\r\n\r\n",
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
}


class Dripping:
    """A server that sends the beginning of an answer, and then a byte now and then until nobody takes it."""

    def __init__(self, beginning: bytes) -> None:
        self.was_left = threading.Event()
        self.beginning = beginning
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._wrap: Callable[[socket.socket], socket.socket] = lambda taken: taken
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self, wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self._wrap = wrap or self._wrap
        self._thread.start()

    def _serve(self) -> None:
        taken, _ = self._listening.accept()
        with contextlib.suppress(OSError), self._wrap(taken) as connection:
            connection.sendall(self.beginning)
            never = threading.Event()
            while not never.wait(PAUSE_SECONDS):
                connection.sendall(b"1")
        self.was_left.set()

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def dripping(request: pytest.FixtureRequest) -> Iterator[Dripping]:
    server = Dripping(PLACES[request.param])
    yield server
    server.close()


def ask(session: requests.Session, url: str, seconds: float) -> bytes:
    with session, cut_off(session, seconds), session.get(url, timeout=(PATIENCE, PATIENCE)) as response:
        return response.content


@pytest.mark.parametrize("dripping", PLACES, indirect=True)
def test_ends_an_answer_that_comes_drop_by_drop(dripping: Dripping) -> None:
    dripping.start()
    with pytest.raises(requests.RequestException):
        ask(trust.session(), f"http://127.0.0.1:{dripping.port}/", 0.2)
    assert dripping.was_left.wait(PATIENCE)


@pytest.mark.parametrize("dripping", ["headers", "body"], indirect=True)
def test_ends_one_within_tls(dripping: Dripping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certify(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    monkeypatch.setattr(trust, "_blocking", lambda: trust.context(files.authority))
    dripping.start(lambda taken: context.wrap_socket(taken, server_side=True))
    with pytest.raises(requests.RequestException):
        ask(trust.session(), f"https://localhost:{dripping.port}/", 0.5)
    assert dripping.was_left.wait(PATIENCE)


@pytest.mark.parametrize("dripping", ["status"], indirect=True)
def test_ends_a_handshake(dripping: Dripping) -> None:
    # The head of a record of 16 kB, which then comes byte by byte.
    dripping.beginning = b"\x16\x03\x03\x40\x00"
    dripping.start()
    with pytest.raises(requests.RequestException):
        ask(trust.session(), f"https://localhost:{dripping.port}/", 0.2)
    assert dripping.was_left.wait(PATIENCE)


@pytest.mark.parametrize("dripping", ["headers"], indirect=True)
def test_ends_one_through_a_proxy(dripping: Dripping) -> None:
    dripping.start()
    session = trust.session()
    session.proxies = {"http": f"http://127.0.0.1:{dripping.port}"}
    with pytest.raises(requests.RequestException):
        ask(session, "http://example.com/", 0.2)
    assert dripping.was_left.wait(PATIENCE)


@pytest.mark.parametrize("dripping", ["status"], indirect=True)
def test_leaves_alone_what_is_in_time(dripping: Dripping) -> None:
    dripping.beginning = HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nok"
    dripping.start()
    before = threading.active_count()
    assert ask(trust.session(), f"http://127.0.0.1:{dripping.port}/", PATIENCE) == b"ok"
    # Nothing is left behind: the connection goes, and with it what kept the time.
    assert dripping.was_left.wait(PATIENCE)
    assert threading.active_count() <= before


@pytest.mark.parametrize("dripping", ["body"], indirect=True)
def test_a_connection_that_is_made_too_late_is_none(dripping: Dripping) -> None:
    dripping.start()
    over = threading.Event()

    def late() -> None:
        with trust.session() as session, cut_off(session, 0):
            threading.Timer(0.1, over.set).start()
            assert over.wait(PATIENCE)
            with pytest.raises(requests.RequestException):
                session.get(f"http://127.0.0.1:{dripping.port}/", timeout=(PATIENCE, PATIENCE))

    with pytest.raises(requests.Timeout):
        late()
