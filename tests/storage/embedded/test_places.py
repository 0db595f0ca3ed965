"""Where the embedded server has its things."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from storage.embedded import EmbeddedUnavailable, places
from storage.embedded.places import Places, socket_path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """The places of a directory that is not there yet."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return Places(tmp_path / "a" / "mongodb")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestSocketPath:
    def test_is_the_same_for_whoever_means_that_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
        path = socket_path(tmp_path)
        assert path == socket_path(tmp_path / "x" / "..")
        assert path != socket_path(tmp_path / "x")
        assert (path.name, path.parent.parent) == ("mongod.sock", Path("/run/user/1"))
        user, name = path.parent.name.removeprefix("echo-").split("-")
        assert (int(user), len(name)) == (os.getuid(), 12)

    @pytest.mark.parametrize("runtime", [None, ""])
    def test_without_a_runtime_directory_it_is_a_temporary_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str | None
    ) -> None:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        if runtime is not None:
            monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setattr(places.tempfile, "gettempdir", lambda: "/temporary")
        assert socket_path(tmp_path).parent.parent == Path("/temporary")

    @pytest.mark.parametrize(("length", "is_short"), [(107, True), (108, False)])
    def test_a_path_that_is_too_long_for_the_kernel_is_another(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, is_short: bool
    ) -> None:
        monkeypatch.setattr(places, "MAX_SOCKET_PATH", 107)
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/r")
        rest = len(str(socket_path(tmp_path))) - len("/r")
        runtime = "/" + "é" * ((length - rest - 1) // 2) + "e" * ((length - rest - 1) % 2)
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        path = socket_path(tmp_path)
        assert path.parent.parent == Path(runtime if is_short else "/tmp")
        assert path.name == "mongod.sock"


class TestMake:
    def test_is_private_and_may_be_there_already(self, own: Places) -> None:
        for _ in range(2):
            own.make()
        assert (mode(own.directory), mode(own.data)) == (0o700, 0o700)
        assert own.data == own.directory / "data"
        assert own.log == own.directory / "mongod.log"


class TestSocket:
    def test_others_find_what_the_owner_noted(
        self, own: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = Places(own.directory)
        own.make()
        assert other.find_socket() is False
        own.choose_socket()
        assert mode(own.socket.parent) == 0o700
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/elsewhere")
        other = Places(own.directory)
        assert other.socket != own.socket
        assert other.find_socket() is True
        assert other.socket == own.socket

    def test_a_new_owner_settles_on_its_own(self, own: Places, tmp_path: Path) -> None:
        own.make()
        own.socket = tmp_path / "another" / "mongod.sock"
        own.choose_socket()
        assert own.socket == socket_path(own.directory)

    @pytest.mark.parametrize("bits", [0o701, 0o710, 0o704, 0o777])
    def test_a_directory_that_others_may_use_is_refused(self, own: Places, bits: int) -> None:
        own.make()
        own.socket.parent.mkdir(parents=True)
        own.socket.parent.chmod(bits)
        with pytest.raises(EmbeddedUnavailable) as caught:
            own.claim_socket()
        assert caught.value.reason == f"{own.socket.parent} is not a private directory of this user."
        own.socket.parent.chmod(0o700)
        own.claim_socket()

    def test_one_of_another_user_is_refused(self, own: Places, monkeypatch: pytest.MonkeyPatch) -> None:
        own.make()
        own.claim_socket()
        monkeypatch.setattr(places.os, "getuid", lambda: 12345)
        with pytest.raises(EmbeddedUnavailable):
            own.claim_socket()

    def test_it_goes_with_its_directory_and_may_have_gone(self, own: Places) -> None:
        own.make()
        own.claim_socket()
        own.socket.touch()
        own.remove_socket()
        assert not own.socket.exists()
        assert own.socket.parent.exists()
        own.remove_socket()
        own.socket.touch()
        own.tidy()
        assert not own.socket.parent.exists()
        own.tidy()

    def test_what_cannot_be_removed_is_left(self, own: Places) -> None:
        own.make()
        own.claim_socket()
        own.socket.mkdir()
        own.remove_socket()
        own.tidy()
        assert own.socket.is_dir()


class TestPredecessor:
    def test_is_waited_for_as_long_as_it_holds_the_lock(self, own: Places) -> None:
        own.make()
        # No server has been there.
        own.wait_for_predecessor(0)
        with (own.data / "mongod.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(EmbeddedUnavailable) as caught:
                own.wait_for_predecessor(0.01)
            assert caught.value.reason == f"another server still uses {own.data}."
        own.wait_for_predecessor(0)


class TestLog:
    @pytest.mark.parametrize(("size", "moved"), [(10, False), (11, True)])
    def test_beyond_the_limit_it_is_put_aside(self, own: Places, size: int, moved: bool) -> None:
        own.make()
        assert own.move_large_log(10) is False
        (own.directory / "mongod.old.log").write_text("older")
        own.log.write_text("x" * size)
        assert own.move_large_log(10) is moved
        assert own.log.exists() is not moved
        assert (own.directory / "mongod.old.log").read_text() == ("x" * size if moved else "older")
