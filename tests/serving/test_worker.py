"""Whether a worker still answers its master, with real processes."""

import math
import os
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from echo.serving.config import ServerConfig
from echo.serving.listening import bind
from echo.serving.worker import Worker
from echo.settings import load_settings
from tests.support.waiting import PATIENCE, eventually


async def hangs_when_asked(scope: dict[str, Any], _receive: object, send: Any) -> None:
    """An application of which `/hang` stops the event loop for good, while other threads go on."""
    if scope["path"] == "/hang":
        time.sleep(3600)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def configured(seconds: int) -> ServerConfig:
    limits = load_settings({}).connections
    return ServerConfig(
        hangs_when_asked,
        limits=limits,
        largest_body=1,
        hang_seconds=seconds,
        workers=2,
        lifespan="off",
        log_config=None,
    )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with bind("127.0.0.1", 0) as bound:
        yield bound


@pytest.fixture
def worker(listener: socket.socket) -> Iterator[Worker]:
    """One that serves, and may be silent for a second."""
    made = Worker(configured(1), [listener])
    made.start()
    assert eventually(lambda: made.is_ready(PATIENCE))
    # Known from now on as one that answers.
    assert eventually(lambda: made.is_alive() and made._answered)
    yield made
    made.process.kill()
    made.process.join()


def ask(listener: socket.socket, path: str) -> socket.socket:
    client = socket.create_connection(listener.getsockname(), timeout=PATIENCE)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: echo\r\n\r\n".encode())
    return client


class TestSilence:
    def test_of_a_hanging_event_loop_is_noticed_and_the_worker_ended(
        self, worker: Worker, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("echo.serving.worker.STUCK_SECONDS", 0.1)
        with ask(listener, "/ready") as client:
            assert client.recv(12) == b"HTTP/1.1 200"
        assert worker.is_alive()
        with ask(listener, "/hang"):
            asked = time.monotonic()
            assert eventually(lambda: not worker.is_alive())
        assert time.monotonic() - asked > 1
        # What the supervisor does next.
        worker.kill()
        worker.join()
        assert worker.exitcode in {-signal.SIGKILL, -signal.SIGTERM}

    def test_of_a_stopped_process_counts_only_while_the_master_runs(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert worker.pid
        os.kill(worker.pid, signal.SIGSTOP)
        # It goes on from where the worker was last looked at: the machine may have run for minutes or for months.
        clock = [float(math.ceil(time.monotonic()))]
        monkeypatch.setattr("echo.serving.worker.monotonic", lambda: clock[0])

        def look_after(seconds: float) -> bool:
            clock[0] += seconds
            return worker.is_alive()

        worker.config.hang_seconds = 0
        assert all(look_after(1) for _ in range(200))
        assert worker._given_up is None, "nothing is noticed where the setting says so"

        worker.config.hang_seconds = 60
        # Ten suspensions of an hour are twenty seconds at most: its last answer may have been on the way.
        assert all(look_after(3600) for _ in range(10))
        assert all(look_after(0.5) for _ in range(80))
        assert worker._given_up is None
        assert any(look_after(0.5) and worker._given_up for _ in range(5))
        assert look_after(4.9)
        assert not look_after(0.2)
        worker.kill()
        worker.join()
        assert worker.exitcode == -signal.SIGKILL
