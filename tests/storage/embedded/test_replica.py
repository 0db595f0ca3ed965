"""Waiting for a server that has been started, and making it a replica set of one."""

import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from storage.embedded import EmbeddedUnavailable, replica
from storage.embedded.replica import is_ready, listens, wait_until_ready

URI, PATH = "mongodb://uri", Path("/run/mongod.sock")


class TestListens:
    def test_is_whether_connections_are_taken_at_the_socket(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        assert not listens(path)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            assert not listens(path)
            server.listen()
            assert listens(path)
        # What a server leaves behind.
        assert path.exists()
        assert not listens(path)


class Waiting:
    """A server that listens after some looks, and takes writes after some more; each pause passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, listens: int, ready: int) -> None:
        self.left, self.clock, self.log = {"listens": listens, "ready": ready}, 1000.0, list[Any]()
        monkeypatch.setattr(replica, "listens", lambda path: self.look("listens", path))
        monkeypatch.setattr(replica, "is_ready", lambda uri, *, initiate: self.look("ready", uri, initiate))
        # That module's alone: other threads of this process sleep as well.
        clock = SimpleNamespace(monotonic=lambda: self.clock, sleep=self.sleep)
        monkeypatch.setattr(replica, "time", clock)

    def look(self, name: str, *arguments: Any) -> bool:
        self.log.append((name, *arguments))
        self.left[name] -= 1
        return self.left[name] < 0

    def sleep(self, seconds: float) -> None:
        self.log.append(seconds)
        self.clock += seconds


class TestWaiting:
    def test_looks_often_until_it_listens_and_then_until_it_takes_writes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting = Waiting(monkeypatch, listens=2, ready=1)
        wait_until_ready(URI, PATH, lambda: waiting.log.append("check"))
        listening, ready = ("listens", PATH), ("ready", URI, PATH)
        assert waiting.log == [
            *("check", listening, 0.005, "check", listening, 0.005),
            *("check", listening, ready, 0.02, "check", listening, ready),
        ]

    @pytest.mark.parametrize(("listens", "ready", "looks"), [(10**9, 0, 12_000), (0, 10**9, 3000)])
    def test_gives_up_after_a_minute(
        self, monkeypatch: pytest.MonkeyPatch, listens: int, ready: int, looks: int
    ) -> None:
        waiting = Waiting(monkeypatch, listens=listens, ready=ready)
        with pytest.raises(EmbeddedUnavailable) as caught:
            wait_until_ready(URI, PATH)
        assert caught.value.reason == "the server did not become ready in 60 s."
        assert abs(sum(isinstance(each, float) for each in waiting.log) - looks) <= 1

    def test_ends_at_once_with_what_the_check_raises(self, monkeypatch: pytest.MonkeyPatch) -> None:
        waiting = Waiting(monkeypatch, listens=0, ready=0)

        def check() -> None:
            raise EmbeddedUnavailable("it has ended.")

        with pytest.raises(EmbeddedUnavailable, match="it has ended"):
            wait_until_ready(URI, PATH, check)
        assert waiting.log == []


class Server:
    """Stands for the driver's client; answers each command by its name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
        self.answers, self.commands, self.made, self.closed = answers, list[Any](), list[Any](), 0
        server = self

        class Client:
            def __class_getitem__(cls, _: Any) -> Callable[..., Any]:
                return cls

            def __init__(self, uri: str, **options: Any) -> None:
                server.made.append((uri, options))
                self.admin = server

            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                server.closed += 1

        monkeypatch.setattr(pymongo, "MongoClient", Client)

    def command(self, name: str, *arguments: Any, **options: Any) -> Any:
        self.commands.append((name, *arguments, options) if options else (name, *arguments))
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


class TestIsReady:
    @pytest.mark.parametrize(
        ("hello", "is_so"),
        [
            ({"isWritablePrimary": True}, True),
            ({"isWritablePrimary": False, "setName": "echo"}, False),
            ({}, False),
        ],
    )
    def test_is_whether_it_takes_writes(
        self, monkeypatch: pytest.MonkeyPatch, hello: dict[str, Any], is_so: bool
    ) -> None:
        server = Server(monkeypatch, hello=hello)
        assert is_ready(URI) is is_so
        # Who only looks changes nothing.
        assert server.commands == [("hello",)]
        assert server.made == [(URI, {"serverSelectionTimeoutMS": 500})]
        assert server.closed == 1

    def test_is_no_where_nothing_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        server = Server(monkeypatch, hello=ServerSelectionTimeoutError("nobody"))
        assert is_ready(URI, initiate=PATH) is False
        assert server.closed == 1

    def test_makes_it_a_replica_set_where_it_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        server = Server(monkeypatch, hello={"isWritablePrimary": False}, replSetInitiate={})
        assert is_ready(URI, initiate=PATH) is False
        member = {"_id": 0, "host": "/run/mongod.sock"}
        assert server.commands[1:] == [("replSetInitiate", {"_id": "echo", "members": [member]})]

    def test_makes_none_of_what_is_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        server = Server(monkeypatch, hello={"isWritablePrimary": True, "setName": "echo"})
        assert is_ready(URI, initiate=PATH) is True
        assert server.commands == [("hello",)]

    def test_says_so_where_it_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        refusal = OperationFailure("no", 93)
        Server(monkeypatch, hello={}, replSetInitiate=refusal)
        with pytest.raises(EmbeddedUnavailable) as caught:
            is_ready(URI, initiate=PATH)
        assert caught.value.reason == "it cannot become a replica set (93)."
        assert caught.value.__cause__ is refusal

    def test_gives_a_set_that_has_moved_its_new_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = {"_id": "echo", "version": 4, "members": [{"_id": 0, "host": "/old"}], "term": 2}
        server = Server(
            monkeypatch,
            hello={},
            replSetInitiate=OperationFailure("already initialized", 23),
            replSetGetConfig={"config": before},
            replSetReconfig={},
        )
        assert is_ready(URI, initiate=PATH) is False
        members = [{"_id": 0, "host": "/run/mongod.sock"}]
        changed = {"_id": "echo", "version": 5, "members": members, "term": 2}
        assert server.commands[2:] == [
            ("replSetGetConfig",),
            ("replSetReconfig", changed, {"force": True}),
        ]
