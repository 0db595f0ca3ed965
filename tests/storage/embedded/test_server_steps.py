"""What the embedded server does step by step, with a process that only plays one."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

from storage.embedded import EmbeddedServer, EmbeddedUnavailable
from storage.embedded import server as module

MONGOD = Path("/bin/mongod")


class Playing:
    """A process; `code` is what it has ended with."""

    def __init__(self) -> None:
        self.returncode: int | None = None
        self.signals: list[int] = []

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.signals.append(number)


class Steps:
    """A server without a process of its own, and what it has done."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[Any] = []
        self.clock = 1000.0
        self.process = Playing()
        self.ready: Callable[[], None] = lambda: None
        self.directory = directory
        self.server = EmbeddedServer(directory, binary=MONGOD)
        monkeypatch.setattr(module, "check_descriptors", lambda: self.log.append("descriptors"))
        monkeypatch.setattr(module, "start", self.start)
        monkeypatch.setattr(module, "end", self.end)
        monkeypatch.setattr(module, "plain_env", lambda: {"PLAIN": "1"})
        monkeypatch.setattr(module, "wait_until_ready", self.wait)
        monkeypatch.setattr(module, "probe", lambda binary: self.log.append(("probe", binary)))
        # That module's alone: other threads of this process sleep as well.
        self.time = SimpleNamespace(monotonic=lambda: self.clock, sleep=self.sleep)
        monkeypatch.setattr(module, "time", self.time)
        monkeypatch.setattr(
            module.Places, "wait_for_predecessor", lambda _, seconds: self.log.append(("before", seconds))
        )

    def start(self, command: list[str], env: dict[str, str]) -> Playing:
        self.log.append(("start", command, env))
        self.process = Playing()
        return self.process

    def end(self, process: Playing) -> None:
        assert process is self.process
        process.returncode = 0
        self.log.append("end")

    def wait(self, uri: str, path: Path, check: Callable[[], None]) -> None:
        self.log.append(("wait", uri, path))
        check()
        self.ready()

    def sleep(self, seconds: float) -> None:
        self.log.append(seconds)
        # Sums of it are exact.
        self.clock += 0.5

    def refuse(self) -> None:
        raise EmbeddedUnavailable("it does not become ready.")

    @property
    def is_locked(self) -> bool:
        """Whether somebody holds the lock of the directory."""
        other = FileLock(self.directory / "owner.lock", thread_local=False, is_singleton=False)
        try:
            other.acquire(timeout=0)
        except module.Timeout:
            return True
        other.release()
        return False

    def names(self) -> list[str]:
        return [each[0] if isinstance(each, tuple) else each for each in self.log]


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return Steps(tmp_path / "a b" / "mongodb", monkeypatch)


class TestStart:
    def test_is_with_these_options(self, steps: Steps) -> None:
        uri = steps.server.start()
        socket = steps.server.socket
        options = [
            *("--dbpath", f"{steps.directory}/data"),
            *(
                "--logpath",
                f"{steps.directory}/mongod.log",
                "--logappend",
                "--logRotate",
                "reopen",
                "--quiet",
            ),
            *("--bind_ip", str(socket), "--filePermissions", "0600"),
            *("--replSet", "echo", "--oplogSize", "64"),
            *("--wiredTigerCacheSizeGB", "0.25"),
            "--wiredTigerEngineConfigString",
            "log=(file_max=8MB,prealloc=false),eviction_dirty_trigger=50,eviction_updates_trigger=50,"
            "session_max=5000",
            *("--networkMessageCompressors", "disabled"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]
        assert steps.log == [
            "descriptors",
            ("before", 60.0),
            ("start", ["/bin/mongod", *options], {"PLAIN": "1"}),
            ("wait", uri, socket),
        ]
        assert steps.is_locked
        assert steps.server.alive

    def test_gives_a_uri_of_the_socket(self, steps: Steps) -> None:
        steps.server._places.socket = Path("/run/a b/mongod.sock")
        assert steps.server.uri == (
            "mongodb://%2Frun%2Fa+b%2Fmongod.sock/LibreChat?directConnection=true&journal=true"
        )
        assert steps.server.socket == Path("/run/a b/mongod.sock")

    def test_removes_the_socket_that_a_killed_one_left(self, steps: Steps) -> None:
        left = steps.server.socket
        left.parent.mkdir(parents=True, mode=0o700)
        left.touch()
        steps.server.start()
        assert not left.exists()

    def test_that_comes_to_nothing_leaves_nothing(self, steps: Steps) -> None:
        steps.ready = steps.refuse
        with pytest.raises(EmbeddedUnavailable, match="does not become ready"):
            steps.server.start()
        assert "end" in steps.names()
        assert not steps.server.alive
        assert not steps.is_locked
        assert not steps.server.socket.parent.exists()

    def test_that_cannot_begin_lets_go_of_the_directory(
        self, steps: Steps, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError("no such program")

        monkeypatch.setattr(module, "start", refuse)
        with pytest.raises(EmbeddedUnavailable) as caught:
            steps.server.start()
        assert caught.value.reason == "no such program."
        assert not steps.is_locked

    def test_without_a_binary_takes_the_one_that_is_installed(
        self, steps: Steps, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "installed_mongod", lambda: Path("/installed"))
        server = EmbeddedServer(steps.directory)
        server.start()
        assert steps.log[2][1][0] == "/installed"
        steps.process.returncode = 1
        with pytest.raises(EmbeddedUnavailable):
            server.check()
        assert steps.log[-1] == ("probe", Path("/installed"))


class TestCheck:
    def test_says_that_it_has_ended_and_where_to_look(self, steps: Steps) -> None:
        steps.server.check()
        steps.server.begin()
        steps.server.check()
        steps.process.returncode = 14
        with pytest.raises(EmbeddedUnavailable) as caught:
            steps.server.check()
        assert caught.value.reason == f"the server ended while starting; see {steps.directory}/mongod.log."
        assert steps.log[-1] == ("probe", MONGOD)


class TestAnotherOwner:
    """The lock is another process's."""

    @pytest.fixture(autouse=True)
    def held(self, steps: Steps) -> FileLock:
        steps.directory.mkdir(parents=True)
        lock = FileLock(steps.directory / "owner.lock", thread_local=False, is_singleton=False)
        lock.acquire()
        return lock

    def test_is_joined_as_soon_as_its_server_answers(
        self, steps: Steps, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = [False, True]
        asked: list[str] = []
        monkeypatch.setattr(module, "is_ready", lambda uri: asked.append(uri) or answers.pop(0))
        socket = Path("/their/mongod.sock")

        def sleep(seconds: float) -> None:
            steps.sleep(seconds)
            (steps.directory / "socket.path").write_text(str(socket))

        steps.time.sleep = sleep
        uri = steps.server.start()
        # At first it is not noted where it is, and then it does not answer yet.
        assert steps.log == [0.1, 0.1, ("wait", uri, socket)]
        assert asked == [uri, uri]
        assert steps.server.socket == socket
        assert not steps.server.alive
        steps.server.stop()
        assert "end" not in steps.log

    def test_is_waited_for_a_minute(self, steps: Steps) -> None:
        with pytest.raises(EmbeddedUnavailable) as caught:
            steps.server.begin()
        assert caught.value.reason == (
            f"another process holds {steps.directory}, and its server does not answer."
        )
        assert steps.log == [0.1] * 120

    def test_that_goes_is_followed(
        self, steps: Steps, held: FileLock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "is_ready", lambda uri: True)
        (steps.directory / "socket.path").write_text(str(steps.server.socket))
        steps.server.start()
        assert not steps.server.restart_if_dead()
        held.release()
        assert steps.server.restart_if_dead()
        assert steps.server.alive
        assert steps.is_locked


class TestRestart:
    def test_is_for_one_that_has_died(self, steps: Steps) -> None:
        assert not steps.server.restart_if_dead()
        uri = steps.server.start()
        assert not steps.server.restart_if_dead()
        steps.process.returncode = -9
        steps.log.clear()
        assert steps.server.restart_if_dead()
        assert steps.names() == ["descriptors", "before", "start", "wait"]
        assert (steps.server.uri, steps.server.alive) == (uri, True)
        steps.server.stop()
        assert not steps.server.restart_if_dead()

    @pytest.mark.parametrize("error", [EmbeddedUnavailable("no."), OSError("no")])
    def test_is_tried_again_after_five_seconds(self, steps: Steps, error: Exception) -> None:
        steps.server.start()
        steps.process.returncode = -9

        def refuse() -> None:
            raise error

        steps.ready = refuse
        assert not steps.server.restart_if_dead()
        steps.process.returncode = -9
        steps.ready = lambda: None
        steps.clock += 4.9
        assert not steps.server.restart_if_dead()
        steps.clock += 0.1
        assert steps.server.restart_if_dead()

    @pytest.mark.parametrize(
        ("size", "signals"), [(16 * 1024 * 1024, []), (16 * 1024 * 1024 + 1, [signal.SIGUSR1])]
    )
    def test_keeps_the_log_small_while_it_runs(self, steps: Steps, size: int, signals: list[int]) -> None:
        steps.server.start()
        with (steps.directory / "mongod.log").open("wb") as log:
            log.truncate(size)
        assert not steps.server.restart_if_dead()
        assert steps.process.signals == signals


class TestStop:
    def test_ends_it_and_lets_go_of_all(self, steps: Steps) -> None:
        steps.server.start()
        assert steps.server.socket.parent.exists()
        steps.server.stop()
        assert steps.log[-1] == "end"
        assert not steps.server.alive
        assert not steps.server.socket.parent.exists()
        assert not steps.is_locked
        steps.server.stop()
        assert steps.log.count("end") == 1
