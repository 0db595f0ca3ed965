"""How the server's process is started, and how it is ended."""

import ctypes
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from storage.embedded import keeper, process

COMMAND, ENV = ["mongod", "--quiet"], {"LC_ALL": "C"}


class TestStart:
    """What the process is started with."""

    @pytest.fixture
    def started(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        started: list[Any] = []

        def popen(command: list[str], **options: Any) -> str:
            started.append((command, options))
            return "the process"

        monkeypatch.setattr(process.subprocess, "Popen", popen)
        monkeypatch.setattr(process, "die_with_parent", lambda parent: f"dies with {parent}")
        return started

    @pytest.mark.parametrize("by_kernel", [True, False])
    def test_has_a_group_of_its_own_and_says_nothing(
        self, monkeypatch: pytest.MonkeyPatch, started: list[Any], by_kernel: bool
    ) -> None:
        monkeypatch.setattr(process, "BY_KERNEL", by_kernel)
        assert process.start(COMMAND, ENV) == "the process"
        ((command, options),) = started
        kept = [sys.executable, "-I", keeper.__file__, *COMMAND]
        assert command == (COMMAND if by_kernel else kept)
        assert options == {
            "stdin": subprocess.DEVNULL if by_kernel else subprocess.PIPE,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "env": ENV,
            "process_group": 0,
            "preexec_fn": f"dies with {os.getpid()}" if by_kernel else None,
        }

    def test_the_kernel_is_trusted_on_linux_alone(self) -> None:
        assert process.BY_KERNEL is (sys.platform == "linux")


class TestDyingWithTheParent:
    class Library:
        def __init__(self) -> None:
            self.called: list[tuple[int, int]] = []

        def prctl(self, option: int, value: int) -> None:
            self.called.append((option, value))

    @pytest.mark.parametrize(("offset", "ends"), [(0, []), (1, [1])])
    def test_asks_the_kernel_and_ends_where_it_is_too_late(
        self, monkeypatch: pytest.MonkeyPatch, offset: int, ends: list[int]
    ) -> None:
        library, ended, loaded = self.Library(), list[int](), list[object]()
        monkeypatch.setattr(ctypes, "CDLL", lambda name: loaded.append(name) or library)
        monkeypatch.setattr(process.os, "_exit", ended.append)
        arrange = process.die_with_parent(os.getppid() + offset)
        assert (loaded, library.called) == ([None], [])
        arrange()
        # PR_SET_PDEATHSIG of Linux.
        assert library.called == [(1, signal.SIGTERM)]
        assert ended == ends


class Ending:
    """A process that runs, or has ended; it may not listen."""

    pid = 4711

    def __init__(self, *, runs: bool = True, deaf: bool = False, pipe: bool = False) -> None:
        self.runs, self.deaf, self.log = runs, deaf, list[Any]()
        self.stdin = self if pipe else None

    def poll(self) -> int | None:
        return None if self.runs else 0

    def send_signal(self, number: int) -> None:
        self.log.append(number)

    def wait(self, seconds: float | None = None) -> int:
        self.log.append(("wait", seconds))
        if self.deaf and seconds is not None:
            raise subprocess.TimeoutExpired("mongod", seconds)
        return 0

    def close(self) -> None:
        self.log.append("close")


class TestEnd:
    @pytest.fixture(autouse=True)
    def killed(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
        killed: list[tuple[int, int]] = []
        monkeypatch.setattr(process.os, "killpg", lambda group, number: killed.append((group, number)))
        return killed

    def test_is_asked_for_and_waited_for_a_minute(self, killed: list[tuple[int, int]]) -> None:
        ending: Any = Ending()
        process.end(ending)
        assert ending.log == [signal.SIGTERM, ("wait", 60.0), ("wait", None)]
        assert killed == []

    def test_is_of_the_whole_group_where_it_does_not_come(self, killed: list[tuple[int, int]]) -> None:
        ending: Any = Ending(deaf=True, pipe=True)
        process.end(ending)
        assert killed == [(4711, signal.SIGKILL)]
        assert ending.log[-2:] == [("wait", None), "close"]

    def test_is_not_asked_for_twice(self, killed: list[tuple[int, int]]) -> None:
        ending: Any = Ending(runs=False)
        process.end(ending)
        assert ending.log == [("wait", None)]
        assert killed == []
