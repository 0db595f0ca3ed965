"""Answers that are too large to be held: streamed, held against the contract, counted, and whole."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase
from starlette.types import Message

from echo.app import assemble
from storage.core.errors import Unavailable
from tests.conftest import UserClient, make_settings
from tests.handlers.test_messages import new_id, post

Stored = MongoDatabase[dict[str, Any]]
KIB, MIB = 1024, 1024 * 1024


def put(stored: Stored, owner: str, count: int, size: int) -> tuple[str, list[str]]:
    """A conversation of messages of this size, each after the one before; its id, and theirs."""
    conversation_id, moment = new_id(), datetime(2026, 1, 1, tzinfo=UTC)
    mine = {"user": owner, "conversationId": conversation_id}
    names = [new_id() for _ in range(count)]
    parents = ["00000000-0000-0000-0000-000000000000", *names]
    for number, name in enumerate(names):
        at = moment + timedelta(seconds=number)
        tree = {"messageId": name, "parentMessageId": parents[number], "createdAt": at, "updatedAt": at}
        stored.messages.insert_one({**mine, **tree, "text": f"{number}".ljust(size, "."), "extra": number})
    stored.conversations.insert_one({**mine, "title": "Long", "createdAt": moment, "updatedAt": moment})
    return conversation_id, names


class TestConversation:
    def test_all_of_it_comes_in_pieces(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, names = put(stored, ada.id, 5, 700 * KIB)
        answer = ada.get(f"/api/messages/{conversation_id}")
        assert answer.status_code == 200
        assert "content-length" not in answer.headers
        assert [each["messageId"] for each in answer.json()] == names
        assert [len(each["text"]) for each in answer.json()] == [700 * KIB] * 5

    def test_a_small_one_is_sent_as_a_whole(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, names = put(stored, ada.id, 5, 100)
        answer = ada.get(f"/api/messages/{conversation_id}")
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert [each["messageId"] for each in answer.json()] == names

    def test_another_owner_finds_nothing(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        conversation_id, _ = put(stored, ada.id, 3, MIB)
        assert bob.get(f"/api/messages/{conversation_id}").status_code == 404

    def test_a_database_that_fails_in_the_middle_breaks_it_off(
        self, ada: UserClient, stored: Stored, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Better a part than what looks whole. (Starlette's test client shows a broken connection as an end.)"""
        conversation_id, _ = put(stored, ada.id, 3, MIB)

        def fail(sizes: Any) -> Iterator[list[Any]]:
            yield [sizes[0][0]]
            raise Unavailable("gone")

        monkeypatch.setattr("storage.core.portions.by_bytes", fail)
        with pytest.raises(ValueError, match="Expecting ',' delimiter"):
            json.loads(ada._http.get(f"/api/messages/{conversation_id}", headers=ada.headers).text)

    def test_a_head_has_no_body(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, _ = put(stored, ada.id, 3, MIB)
        answer = ada.request("HEAD", f"/api/messages/{conversation_id}")
        assert (answer.status_code, answer.content) == (200, b"")


class TestMessage:
    def test_a_large_one_has_its_length(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, [name] = put(stored, ada.id, 1, 5 * MIB)
        answer = ada.get(f"/api/messages/{conversation_id}/{name}")
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) == len(answer.content) > 5 * MIB


class TestPages:
    def test_end_early_and_go_on(self, ada: UserClient, stored: Stored) -> None:
        _, names = put(stored, ada.id, 6, MIB)
        first = ada.get("/api/messages", params={"pageSize": 100}).json()
        assert ([each["messageId"] for each in first["messages"]], first["hasMore"]) == (names[:2:-1], True)
        params = {"pageSize": 100, "cursor": first["cursor"]}
        second = ada.get("/api/messages", params=params).json()
        assert ([each["messageId"] for each in second["messages"]], second["hasMore"]) == (
            names[2::-1],
            False,
        )


class TestPresets:
    def test_all_of_them_come(self, ada: UserClient) -> None:
        body = {"title": "T", "endpoint": "openAI", "promptPrefix": "." * 500 * KIB}
        made = [ada.post("/api/presets", json=body).json()["presetId"] for _ in range(3)]
        answer = ada.get("/api/presets")
        assert "content-length" not in answer.headers
        assert [each["presetId"] for each in answer.json()] == made[::-1]


class TestFork:
    @pytest.mark.parametrize("count", [3, 9])
    def test_copies_and_answers_all_of_it(self, ada: UserClient, stored: Stored, count: int) -> None:
        """Three in one transaction; nine have more than one takes."""
        conversation_id, names = put(stored, ada.id, count, 2 * MIB)
        body = {"conversationId": conversation_id, "messageId": names[-1], "option": "directPath"}
        answer = ada.post("/api/convos/fork", json=body)
        assert answer.status_code == 201
        made = answer.json()
        assert made["conversation"]["title"] == "Long"
        assert [each["text"][:2].rstrip(".") for each in made["messages"]] == [
            str(number) for number in range(count)
        ]
        of_fork = {"user": ada.id, "conversationId": made["conversation"]["conversationId"]}
        copies = list(stored.messages.find(of_fork).sort("createdAt"))
        assert [each["extra"] for each in copies] == list(range(count))
        assert not [name for each in copies for name in each if name in ("original", "bytes")]
        conversation = stored.conversations.find_one(of_fork)
        assert conversation is not None
        assert conversation["messages"] == [each["_id"] for each in copies]
        parents = [each["parentMessageId"] for each in copies]
        assert parents[1:] == [each["messageId"] for each in copies[:-1]]


class TestMessageSize:
    """`ECHO_MAX_MESSAGE_BYTES` is 2 MiB; bytes count, not characters."""

    @pytest.mark.parametrize("text", ["x" * (2 * MIB), "é" * MIB])
    def test_one_of_the_limit_is_kept(self, ada: UserClient, text: str) -> None:
        conversation_id = new_id()
        made = post(ada, conversation_id, text)
        answer = ada.put(f"/api/messages/{conversation_id}/{made['messageId']}", json={"text": text})
        assert answer.status_code == 200

    @pytest.mark.parametrize("text", ["x" * (2 * MIB + 1), "é" * MIB + "x"])
    def test_a_longer_one_is_refused_and_not_kept(self, ada: UserClient, stored: Stored, text: str) -> None:
        conversation_id = new_id()
        made = post(ada, conversation_id, "short")
        for answer in (
            ada.post(f"/api/messages/{conversation_id}", json={"text": text, "sender": "user"}),
            ada.put(f"/api/messages/{conversation_id}/{made['messageId']}", json={"text": text}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (413, "message_too_long")
        assert [each["text"] for each in stored.messages.find({"user": ada.id})] == ["short"]

    def test_so_is_a_question_of_a_chat(self, ada: UserClient, stored: Stored) -> None:
        answer = ada.post("/api/agents/chat/openAI", json={"text": "é" * (MIB + 1)})
        assert (answer.status_code, answer.json()["code"]) == (413, "message_too_long")
        assert stored.echo_runs.count_documents({"user": ada.id}) == 0

    def test_so_is_a_message_that_a_program_keeps(self, ada: UserClient) -> None:
        messages = [{"role": "user", "content": "x" * (2 * MIB + 1)}]
        body = {"model": "openAI/gpt-4o", "messages": messages}
        answer = ada.post("/v1/chat/completions", json={**body, "store": True})
        assert (answer.status_code, answer.json()["code"]) == (413, "message_too_long")


class TestAtOnce:
    """What an account's answers hold while they are sent."""

    def test_too_many_are_refused_until_one_has_been_read(
        self, ada: UserClient, bob: UserClient, stored: Stored, application_uri: str, tmp_path: Path
    ) -> None:
        settings = make_settings(application_uri, tmp_path, ECHO_LARGE_ANSWERS_USER_BYTES=str(3 * MIB))
        application = assemble(settings)
        asgi = application.asgi
        mine, _ = put(stored, ada.id, 3, MIB)
        theirs, _ = put(stored, bob.id, 3, MIB)

        async def ask_all() -> list[tuple[int, Any]]:
            slow = [Reader(asgi, ada, mine) for _ in range(2)]
            for each in slow:
                await each.begin()
            refused = await Reader(asgi, ada, mine, is_slow=False).read()
            others = await Reader(asgi, bob, theirs, is_slow=False).read()
            await slow[0].read()
            again = await Reader(asgi, ada, mine, is_slow=False).read()
            await slow[1].leave()
            return [refused, others, again]

        refused, others, again = asyncio.run(ask_all())
        application.close()
        assert (refused[0], refused[1]["code"]) == (429, "too_many_large_answers")
        assert (others[0], len(others[1])) == (200, 3)
        assert (again[0], len(again[1])) == (200, 3)


class Reader:
    """A request straight to the application; a slow one takes nothing after the head until it is told to read."""

    def __init__(
        self, asgi: Callable[..., Any], user: UserClient, conversation_id: str, *, is_slow: bool = True
    ) -> None:
        path = f"/api/messages/{conversation_id}"
        headers = [(name.lower().encode(), value.encode()) for name, value in user.headers.items()]
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "scheme": "http",
            "http_version": "1.1",
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 3080),
        }
        self._asgi = asgi
        self._started, self._reading, self._left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._body, self._status, self._asked = b"", 0, False
        if not is_slow:
            self._reading.set()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self._task = asyncio.create_task(self._asgi(self._scope, self._receive, self._send))
        await self._started.wait()

    async def read(self) -> tuple[int, Any]:
        """Status and body."""
        if self._task is None:
            await self.begin()
        assert self._task is not None
        self._reading.set()
        await self._task
        return self._status, json.loads(self._body)

    async def leave(self) -> None:
        self._left.set()
        self._reading.set()
        assert self._task is not None
        await self._task

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._started.set()
            return
        await self._reading.wait()
        self._body += message["body"]
