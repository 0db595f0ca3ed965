"""What ends the server where the kernel does not: tried here, where the kernel would."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
