"""What ends the server where the kernel does not: tried here, where the kernel would."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from storage.embedded import EmbeddedServer, keeper, process
from tests.support.stopped import server_pid
from tests.support.waiting import eventually

SLEEPER = ["/bin/sh", "-c", "trap 'exit 7' TERM; echo $$; while :; do sleep 0.02; done"]


def there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def kept() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A program with its keeper; its id."""
    command = [sys.executable, "-I", keeper.__file__, *SLEEPER]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
    with started:
        assert started.stdout is not None
        yield started, int(started.stdout.readline())
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)


def test_the_program_ends_with_the_owners_end_of_the_pipe(kept: tuple[subprocess.Popen[bytes], int]) -> None:
    started, pid = kept
    assert there(pid)
    assert started.stdin is not None
    started.stdin.close()
    assert started.wait(10) == 7
    assert not there(pid)


def test_signals_are_passed_on_and_the_exit_code_back(kept: tuple[subprocess.Popen[bytes], int]) -> None:
    started, pid = kept
    started.send_signal(signal.SIGUSR1)
    # A shell has no trap for it: as told by shells.
    assert started.wait(10) == 128 + signal.SIGUSR1
    assert not there(pid)


def test_a_server_is_started_and_ended_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "BY_KERNEL", False)
    with tempfile.TemporaryDirectory(prefix="echo-mongod-") as path:
        server = EmbeddedServer(Path(path) / "mongodb")
        server.start()
        pid = server_pid(server.uri)
        assert server.alive
        server.stop()
        assert not there(pid)


def test_killing_leaves_neither(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "BY_KERNEL", False)
    monkeypatch.setattr(process, "STOP_SECONDS", 0.1)
    told = tmp_path / "pid"
    deaf = f"trap '' TERM; echo $$ > {told}; while :; do sleep 0.02; done"
    started = process.start(["/bin/sh", "-c", deaf], {"PATH": os.environ["PATH"]})
    pid = eventually(lambda: told.exists() and told.read_text().strip())
    process.end(started)
    eventually(lambda: not there(int(pid)))


class Kept:
    """A program that only plays one, and what is done around it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        self.code, self.log, self.handlers = code, list[Any](), dict[int, Any]()
        self.input = [b"x", b"y", b""]
        self.watch: Any = None
        monkeypatch.setattr(keeper.subprocess, "Popen", self.start)
        monkeypatch.setattr(
            keeper.signal, "pthread_sigmask", lambda how, which: self.log.append((how, which))
        )
        monkeypatch.setattr(keeper.signal, "signal", self.handlers.__setitem__)
        monkeypatch.setattr(keeper.threading, "Thread", self.thread)
        monkeypatch.setattr(keeper.os, "read", self.read)

    def start(self, command: list[str], *, stdin: int, preexec_fn: Any) -> Any:
        self.log.append((command, stdin))
        self.arrange = preexec_fn
        return self

    def thread(self, *, target: Any, daemon: bool) -> Any:
        # It shall not keep the program from ending.
        assert daemon is True
        self.watch = target
        return SimpleNamespace(start=lambda: self.log.append("watch"))

    def read(self, descriptor: int, size: int) -> bytes:
        assert (descriptor, size) == (0, 4096)
        return self.input.pop(0)

    def wait(self) -> int:
        self.log.append("wait")
        return self.code

    def send_signal(self, number: int) -> None:
        self.log.append(f"signal {number}")

    def terminate(self) -> None:
        self.log.append("terminate")


class TestKeep:
    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

    def test_no_signal_is_lost_before_there_is_a_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = Kept(monkeypatch, 0)
        assert keeper.keep(["mongod", "--quiet"]) == 0
        assert kept.log == [
            (signal.SIG_BLOCK, self.SIGNALS),
            (["mongod", "--quiet"], subprocess.DEVNULL),
            "watch",
            (signal.SIG_UNBLOCK, self.SIGNALS),
            "wait",
        ]
        # The program itself blocks none.
        kept.arrange()
        assert kept.log[-1] == (signal.SIG_UNBLOCK, self.SIGNALS)

    def test_signals_are_the_programs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = Kept(monkeypatch, 0)
        keeper.keep(["mongod"])
        assert kept.handlers.keys() == set(self.SIGNALS)
        for number, handler in kept.handlers.items():
            handler(number, None)
            assert kept.log[-1] == f"signal {number}"

    def test_the_end_of_the_input_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = Kept(monkeypatch, 0)
        keeper.keep(["mongod"])
        kept.watch()
        assert kept.input == []
        assert kept.log[-1] == "terminate"

    @pytest.mark.parametrize(("code", "told"), [(0, 0), (14, 14), (-9, 137)])
    def test_its_exit_code_is_told_as_by_a_shell(
        self, monkeypatch: pytest.MonkeyPatch, code: int, told: int
    ) -> None:
        Kept(monkeypatch, code)
        assert keeper.keep(["mongod"]) == told
