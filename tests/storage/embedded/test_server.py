"""The embedded server: one for a directory, private, gone with its owner, and no write lost."""

import contextlib
import importlib.util
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from storage.core.errors import Unavailable
from storage.embedded import EmbeddedServer, EmbeddedUnavailable, places
from storage.embedded.binary import find_mongod
from tests.support.chats import new_id, new_owner, say
from tests.support.stopped import server_pid
from tests.support.stored import messages_of, stored
from tests.support.threads import started_pool
from tests.support.waiting import PATIENCE, eventually

ROOT = Path(__file__).parents[3]
START_SECONDS = 60.0


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def open_files(pid: int) -> Iterator[str]:
    """What the file descriptors of a process stand for."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(link)


def answers(uri: str, seconds: float = PATIENCE) -> bool:
    """Whether a server does, for which a busy one is waited for."""
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=int(seconds * 1000)) as client:
            return bool(client.admin.command("hello")["isWritablePrimary"])
    except PyMongoError:
        return False


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="echo-mongod-") as path:
        yield Path(path) / "mongodb"


@pytest.fixture(scope="module")
def server_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="echo-mongod-") as path:
        yield Path(path) / "mongodb"


@pytest.fixture(scope="module")
def shared_server(server_directory: Path) -> Iterator[EmbeddedServer]:
    """One that runs, for all tests that do not stop it."""
    server = EmbeddedServer(server_directory)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: EmbeddedServer) -> EmbeddedServer:
    """The shared one, with nothing in its database; started again where a test has killed it."""
    if not shared_server.alive:
        shared_server._next_try = 0.0
        assert shared_server.restart_if_dead()
    with MongoClient[dict[str, Any]](shared_server.uri) as client:
        client.drop_database(client.get_default_database().name)
    return shared_server


class Child:
    """A process of its own with a server on the directory."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.storage.embedded_child", str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def hear(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, request: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{request}\n")
        self.process.stdin.flush()
        return self.hear()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def finish(self) -> int:
        self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode


@pytest.fixture
def start_child(directory: Path) -> Iterator[Callable[[], Child]]:
    children: list[Child] = []

    def start() -> Child:
        children.append(Child(directory))
        return children[-1]

    yield start
    for child in children:
        if child.process.poll() is None:
            child.kill()
        for pipe in (child.process.stdin, child.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


class TestStart:
    def test_serves_writes_and_transactions(self, server: EmbeddedServer) -> None:
        database = Database(server.uri)
        things = database.collection("things")
        things.insert_one({"_id": 0})
        database.atomically(lambda session: things.insert_one({"_id": 1}, session=session))
        assert database.name == "LibreChat"
        assert things.count_documents({}) == 2
        database.close()

    def test_stores_documents_up_to_the_largest(self, server: EmbeddedServer) -> None:
        # With MongoDB's own share of so small a cache a change of more than 12 MB conflicted with itself for ever.
        database = Database(f"{server.uri}&timeoutMS=60000")
        messages = database.collection("messages")
        for number, megabytes in enumerate((10, 13, 16) * 4):
            messages.insert_one({"_id": number, "text": "x" * 9_000_000})
            messages.update_one({"_id": number}, {"$set": {"text": "y" * (megabytes * 1_000_000)}})
        assert messages.count_documents({"text": {"$regex": "^y"}}) == 12
        database.close()

    def test_is_private(self, server: EmbeddedServer, server_directory: Path) -> None:
        pid = server_pid(server.uri)
        inodes = {name.removeprefix("socket:[").removesuffix("]") for name in open_files(pid)}
        for table in ("tcp", "tcp6", "udp", "udp6"):
            rows = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]
            assert not [row for row in rows if row.split()[9] in inodes], "it listens on the network"
        path = server._places.socket
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE((server_directory / "data").stat().st_mode) == 0o700

    def test_knows_none_of_our_environment(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JWT_SECRET", "a secret of ours")
        server = EmbeddedServer(directory)
        environ = Path(f"/proc/{server_pid(server.start())}/environ").read_bytes()
        server.stop()
        assert b"secret" not in environ

    def test_keeps_the_data_over_a_restart(self, directory: Path) -> None:
        for number in range(2):
            server = EmbeddedServer(directory)
            database = Database(server.start())
            database.collection("things").insert_one({"_id": number})
            assert database.collection("things").count_documents({}) == number + 1
            database.close()
            server.stop()

    def test_keeps_the_data_when_the_directory_moves(self, directory: Path) -> None:
        server = EmbeddedServer(directory)
        database = Database(server.start())
        database.collection("things").insert_one({"_id": 0})
        database.close()
        server.stop()
        moved = EmbeddedServer(directory.rename(directory.with_name("moved")))
        database = Database(moved.start())
        assert moved.uri != server.uri
        assert database.collection("things").count_documents({}) == 1
        database.close()
        moved.stop()

    def test_works_below_a_long_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        long = tmp_path / ("a" * 120)
        (long / "run").mkdir(parents=True)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(long / "run"))
        server = EmbeddedServer(long / "mongodb")
        assert answers(server.start())
        server.stop()

    def test_goes_on_after_a_stale_socket_and_lock(self, directory: Path) -> None:
        server = EmbeddedServer(directory)
        server.start()
        os.kill(server_pid(server.uri), signal.SIGKILL)
        assert eventually(lambda: not server.alive)
        # As if the owner had died as well: its files stay, its lock goes.
        server._lock.release()
        assert server._places.socket.exists()
        again = EmbeddedServer(directory)
        assert answers(again.start())
        again.stop()

    def test_finds_the_runners_socket_under_another_runtime_directory(
        self, server: EmbeddedServer, server_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        other = EmbeddedServer(server_directory)
        assert other.start() == server.uri
        assert not other.alive
        other.stop()
        assert answers(server.uri)

    def test_refuses_a_socket_directory_that_others_could_have_prepared(
        self, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        theirs = places.socket_path(directory).parent
        theirs.mkdir()
        theirs.chmod(0o777)
        with pytest.raises(EmbeddedUnavailable, match="private"):
            EmbeddedServer(directory).start()
        theirs.rmdir()
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        theirs.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(EmbeddedUnavailable, match="private"):
            EmbeddedServer(directory).start()


class TestStop:
    def test_ends_the_server_and_removes_its_socket(self, directory: Path) -> None:
        server = EmbeddedServer(directory)
        pid = server_pid(server.start())
        assert server.alive
        server.stop()
        assert not server.alive
        assert not runs(pid)
        assert not server._places.socket.parent.exists()
        server.stop()

    def test_a_server_that_does_not_listen_to_it_is_killed(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("storage.embedded.process.STOP_SECONDS", 0.2)
        server = EmbeddedServer(directory)
        pid = server_pid(server.start())
        os.kill(pid, signal.SIGSTOP)
        server.stop()
        assert not runs(pid)

    def test_works_from_another_thread(self, directory: Path) -> None:
        server = EmbeddedServer(directory)
        pid = server_pid(server.start())
        thread = threading.Thread(target=server.stop)
        thread.start()
        thread.join()
        assert not runs(pid)
        again = EmbeddedServer(directory)
        again.start()
        again.stop()


class TestOwner:
    def test_of_several_simultaneous_starts_one_owns_and_all_connect(
        self, start_child: Callable[[], Child]
    ) -> None:
        children = [start_child() for _ in range(4)]
        said = [child.hear() for child in children]
        assert sorted(each["owner"] for each in said) == [False, False, False, True]
        assert len({each["uri"] for each in said}) == 1
        # Guests come and go without a trace.
        guests = [child for child, each in zip(children, said, strict=True) if not each["owner"]]
        assert [guest.finish() for guest in guests] == [0, 0, 0]
        assert answers(said[0]["uri"])

    def test_a_killed_owner_leaves_no_orphan(self, start_child: Callable[[], Child]) -> None:
        child = start_child()
        pid = server_pid(child.hear()["uri"])
        child.kill()
        assert eventually(lambda: not runs(pid))

    def test_starts_again_at_once_after_the_owner_was_killed(
        self, start_child: Callable[[], Child], directory: Path
    ) -> None:
        for number in range(3):
            child = start_child()
            database = Database(child.hear()["uri"])
            database.collection("things").insert_one({"_id": number})
            database.close()
            child.kill()
        server = EmbeddedServer(directory)
        database = Database(server.start())
        assert database.collection("things").count_documents({}) == 3
        database.close()
        server.stop()

    def test_a_guest_takes_over_from_an_owner_that_has_gone(self, start_child: Callable[[], Child]) -> None:
        owner = start_child()
        uri = owner.hear()["uri"]
        guest = start_child()
        assert guest.hear() == {"uri": uri, "owner": False}
        assert guest.ask("restart") is False
        owner.kill()
        assert guest.ask("restart") is True
        assert answers(uri)
        assert guest.finish() == 0
        assert not answers(uri, 0.5)


class TestRestartIfDead:
    def test_does_nothing_while_it_runs_or_before_or_after(self, directory: Path) -> None:
        server = EmbeddedServer(directory)
        assert not server.restart_if_dead()
        server.start()
        assert not server.restart_if_dead()
        server.stop()
        assert not server.restart_if_dead()
        assert not server.alive

    def test_keeps_the_uri(self, server: EmbeddedServer) -> None:
        uri = server.uri
        os.kill(server_pid(uri), signal.SIGKILL)
        assert eventually(lambda: not server.alive)
        assert server.restart_if_dead()
        assert server.uri == uri
        assert answers(uri)

    def test_tries_again_later_when_it_fails(
        self, server: EmbeddedServer, server_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        os.kill(server_pid(server.uri), signal.SIGKILL)
        assert eventually(lambda: not server.alive)
        data = server_directory / "data"
        away = data.rename(server_directory / "away")
        data.write_text("no directory")
        assert not server.restart_if_dead()
        data.unlink()
        away.rename(data)
        assert not server.restart_if_dead(), "it should wait a little"
        monkeypatch.setattr(server, "_next_try", 0.0)
        assert server.restart_if_dead()
        assert answers(server.uri)

    def test_keeps_the_log_small(
        self, server: EmbeddedServer, server_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("storage.embedded.server.LOG_BYTES", 10)
        server.restart_if_dead()
        monkeypatch.undo()
        log = server_directory / "mongod.log"
        assert eventually(log.exists)
        assert (server_directory / "mongod.old.log").stat().st_size > log.stat().st_size
        assert answers(server.uri)


class TestKill:
    def test_of_the_server_loses_no_acknowledged_write(self, server: EmbeddedServer) -> None:
        acknowledged: list[str] = []
        stop = threading.Event()

        def write(number: int) -> None:
            database = Database(server.uri)
            things = database.collection("things")
            count = 0
            while not stop.is_set():
                count += 1
                try:
                    things.insert_one({"_id": f"{number}-{count}", "text": "x" * 500})
                except PyMongoError:
                    continue
                acknowledged.append(f"{number}-{count}")
            database.close()

        with started_pool(8) as pool:
            writers = [pool.submit(write, number) for number in range(8)]
            try:
                for _ in range(3):
                    seen = len(acknowledged)
                    assert eventually(lambda seen=seen: len(acknowledged) > seen + 200)  # type: ignore[misc]
                    os.kill(server_pid(server.uri), signal.SIGKILL)
                    assert eventually(lambda: not server.alive)
                    # A start that did not succeed is tried again, as the supervisor does.
                    assert eventually(server.restart_if_dead)
            finally:
                stop.set()
        for writer in writers:
            writer.result()
        database = Database(server.uri)
        there = {row["_id"] for row in database.collection("things").find({}, {"_id": 1})}
        database.close()
        assert len(acknowledged) > 600
        assert set(acknowledged) <= there

    def test_of_the_server_loses_no_acknowledged_message_and_no_name_of_one(
        self, server: EmbeddedServer
    ) -> None:
        owner = new_owner()
        acknowledged: dict[str, list[Document]] = {new_id(): [] for _ in range(8)}
        stop = threading.Event()

        def write(conversation_id: str) -> None:
            database = Database(server.uri)
            threads, made = ThreadRepository(database), acknowledged[conversation_id]
            made.append(say(threads, owner, conversation_id))
            said: Any = {"text": "x" * 500, "sender": "user", "token_count": 1}
            while not stop.is_set():
                parent = made[-1]["messageId"]
                with contextlib.suppress(Unavailable):
                    made.append(
                        threads.put(owner, conversation_id, new_id(), parent_message_id=parent, **said)
                    )
            database.close()

        def count() -> int:
            return sum(map(len, acknowledged.values()))

        with started_pool(8) as pool:
            writers = [pool.submit(write, each) for each in acknowledged]
            try:
                for _ in range(3):
                    seen = count()
                    assert eventually(lambda seen=seen: count() > seen + 200)  # type: ignore[misc]
                    os.kill(server_pid(server.uri), signal.SIGKILL)
                    assert eventually(lambda: not server.alive)
                    assert eventually(server.restart_if_dead)
            finally:
                stop.set()
        for writer in writers:
            writer.result()
        database = Database(server.uri)
        for conversation_id, made in acknowledged.items():
            there = {each["_id"]: each for each in messages_of(database, owner, conversation_id)}
            names = stored(database, owner, conversation_id)["messages"]
            assert [there.get(each["_id"]) for each in made] == made
            # A conversation names its newest 500 messages.
            assert {each["_id"] for each in made[-400:]} <= set(names)
        database.close()
        assert count() > 600


def script(directory: Path, text: str) -> Path:
    """An executable that stands for a binary that this machine cannot run."""
    path = directory / "mongod"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


class TestUnavailable:
    """Every reason is said together with the way out."""

    def refusal(self, server: EmbeddedServer) -> str:
        with pytest.raises(EmbeddedUnavailable) as caught:
            server.start()
        assert "MONGO_URI" in str(caught.value)
        return str(caught.value)

    def test_too_few_file_descriptors(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # With 256 the server starts, and aborts as soon as the collections are made.
        monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
        refusal = self.refusal(EmbeddedServer(tmp_path / "own"))
        assert "512 file descriptors" in refusal
        assert "gets 256" in refusal

    @pytest.mark.parametrize(
        ("text", "named"),
        [
            (
                "echo 'mongod: error while loading shared libraries: libcurl.so.4: cannot open' >&2; exit 127",
                "libcurl.so.4: cannot open",
            ),
            ("kill -ILL $$", "AVX"),
            ("exit 3", "says nothing"),
        ],
        ids=["library", "processor", "unknown"],
    )
    def test_a_binary_that_does_not_run(self, directory: Path, tmp_path: Path, text: str, named: str) -> None:
        server = EmbeddedServer(directory, binary=script(tmp_path, text))
        assert named in self.refusal(server)

    def test_a_binary_that_is_not_there(self, directory: Path, tmp_path: Path) -> None:
        server = EmbeddedServer(directory, binary=tmp_path / "nothing")
        assert "nothing" in self.refusal(server)

    def test_an_extra_that_is_not_installed(
        self, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        find_mongod.cache_clear()
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        assert "echo-api[embedded]" in self.refusal(EmbeddedServer(directory))

    def test_a_server_that_ends_while_starting(self, directory: Path, tmp_path: Path) -> None:
        server = EmbeddedServer(directory, binary=script(tmp_path, '[ "$1" = --version ]'))
        assert "mongod.log" in self.refusal(server)
        # The lock is free again for another try.
        whole = EmbeddedServer(directory)
        whole.start()
        whole.stop()

    def test_a_directory_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        assert "file" in self.refusal(EmbeddedServer(tmp_path / "file" / "mongodb"))

    def test_an_owner_whose_server_does_not_answer(
        self, server: EmbeddedServer, server_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("storage.embedded.server.START_SECONDS", 1.0)
        os.kill(pid := server_pid(server.uri), signal.SIGSTOP)
        other = EmbeddedServer(server_directory)
        assert "does not answer" in self.refusal(other)
        os.kill(pid, signal.SIGCONT)
