"""Event streams are described event by event, and what is sent is held against that."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from starlette.types import Message

from echo.contract.document import Contract
from echo.contract.responses import CheckedSend
from echo.testing.events import EVENT_STREAM, ITEM_SCHEMA, EventChecker, sent
from tests.support.event_streams import events_of
from tests.support.operations import DOCUMENT, OPERATIONS, Op, examples, resolve, responses
from tests.support.streams import Event, parse

STREAMS = [
    pytest.param(op, media, id=op.id)
    for op in OPERATIONS
    for response in responses(op).values()
    for name, media in response.get("content", {}).items()
    if name == EVENT_STREAM
]
EACH = pytest.mark.parametrize(("op", "media"), STREAMS)
MEDIA: dict[str, Any] = {str(param.id): param.values[1] for param in STREAMS}
CHAT, V1 = MEDIA["follow_chat"], MEDIA["create_chat_completion"]
MESSAGES = MEDIA["create_anthropic_message"]


def shown(media: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and data of the events in all examples of a stream."""
    for example in examples(media):
        assert example.endswith("\n\n")
        yield from sent(example.split("\n"))


def wire(data: Any, name: str = "message") -> list[str]:
    text = data if isinstance(data, str) else json.dumps(data)
    return [f"event: {name}", f"data: {text}", ""]


def chunk(**changes: Any) -> dict[str, Any]:
    """A chunk of `/v1`, changed."""
    made: dict[str, Any] = json.loads(next(data for _, data in shown(V1)))
    return {**made, **changes}


class TestTheDocument:
    def test_has_these_streams(self) -> None:
        assert MEDIA.keys() == {
            "follow_chat",
            "create_chat_completion",
            "create_response",
            "get_response",
            "create_transcription",
            "create_anthropic_message",
        }

    @EACH
    def test_has_the_schema_of_an_event_and_of_the_whole(self, op: Op, media: Mapping[str, Any]) -> None:
        """The whole is a text, as every generator knows it; an event is described beside it."""
        assert media.keys() == {"schema", ITEM_SCHEMA, "examples"}
        assert media["schema"]["type"] == "string"
        assert media[ITEM_SCHEMA]["description"]
        assert media[ITEM_SCHEMA]["properties"]["data"]

    @EACH
    def test_shows_events_that_fit(self, op: Op, media: Mapping[str, Any]) -> None:
        events = [events_of(op.id).check(name, data) for name, data in shown(media)]
        assert len(events) > 3

    def test_shows_every_kind_of_event(self) -> None:
        kinds = {Event(name, json.loads(data)).kind for name, data in shown(CHAT)}
        assert len(kinds) == len(DOCUMENT["components"]["schemas"]["ChatEvent"]["oneOf"])

    def test_shows_every_kind_of_event_of_messages(self) -> None:
        kinds = {json.loads(data)["type"] for _, data in shown(MESSAGES)}
        assert kinds == set(MESSAGES[ITEM_SCHEMA]["properties"]["event"]["enum"])
        assert len(kinds) == len(DOCUMENT["components"]["schemas"]["AnthropicEvent"]["oneOf"])
        assert all(name == json.loads(data)["type"] for name, data in shown(MESSAGES))

    @pytest.mark.parametrize(
        "union",
        ["ChatEvent", "ChatCompletionEvent", "ResponseEvent", "AnthropicEvent", "AudioTranscriptionEvent"],
    )
    def test_every_kind_is_explained_and_open(self, union: str) -> None:
        for branch in map(resolve, DOCUMENT["components"]["schemas"][union]["oneOf"]):
            assert branch["description"]
            assert branch["required"]
            assert branch.get("additionalProperties", True) is True


class TestWrongEvents:
    """What the tests of chats and completions would not let through."""

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"event": "title", "data": {"conversationId": "c"}}, '"title" is a required property'),
            ({"event": "title", "data": {"conversationId": "c", "title": 1}}, '1 is not of type "string"'),
            ({"event": "on_tuesday", "data": {}}, "not allow"),
            ({"created": True, "streamId": "s"}, '"message" is a required property'),
            ({"final": True}, "not allow"),
            ({"sync": True, "resumeState": {}, "pendingEvents": []}, '"runSteps" is a required property'),
            (
                {
                    "event": "on_message_delta",
                    "data": {"id": "s", "delta": {"content": [{"type": "text", "think": "x"}]}},
                },
                '"text" is a required property',
            ),
            ([], "not allow"),
            ("{", "no JSON"),
        ],
    )
    def test_of_a_chat_are_noticed(self, said: Any, why: str) -> None:
        with pytest.raises(AssertionError, match=why):
            list(parse(wire(said)))

    def test_an_error_by_the_wrong_name_is_noticed(self) -> None:
        error = {"error": "Over.", "code": "interrupted"}
        assert [event.kind for event in parse(wire(error, "error"))] == ["error"]
        for name in ("message", "mistake"):
            with pytest.raises(AssertionError):
                list(parse(wire(error, name)))

    @pytest.mark.parametrize(
        "said",
        [
            chunk(id=5),
            chunk(object="chat.completion"),
            chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "tired"}]),
            {"error": {"message": "m", "code": "c"}},
            {},
        ],
    )
    def test_of_a_completion_are_noticed(self, said: Any) -> None:
        checker = events_of("create_chat_completion")
        checker.check("message", json.dumps(chunk()))
        checker.check("message", "[DONE]")
        with pytest.raises(AssertionError):
            checker.check("message", json.dumps(said))

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("ping", {"type": "pong"}),
            ("message", {"type": "ping"}),
            ("content_block_stop", {"type": "content_block_stop"}),
            (
                "content_block_delta",
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}},
            ),
            (
                "content_block_start",
                {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "a"}},
            ),
            ("error", {"type": "error", "error": {"type": "api_error", "message": "m"}}),
        ],
    )
    def test_of_a_message_are_noticed(self, name: str, said: Any) -> None:
        checker = events_of("create_anthropic_message")
        checker.check("ping", '{"type": "ping"}')
        with pytest.raises(AssertionError):
            checker.check(name, json.dumps(said))

    def test_fields_that_are_new_are_let_through(self) -> None:
        title = {"event": "title", "data": {"conversationId": "c", "title": "T", "new": 1}, "newer": 2}
        EventChecker(CHAT, DOCUMENT).check("message", json.dumps(title))


def contract_of(media: Mapping[str, Any]) -> Contract:
    """A contract of one operation that answers a stream with a header."""
    answer = {
        "description": "Events",
        "headers": {"X-Needed": {"required": True, "schema": {"type": "string"}}},
        "content": {EVENT_STREAM: media},
    }
    operation = {"operationId": "o", "x-openapi-router-controller": "c", "responses": {"200": answer}}
    return Contract.load({"openapi": "3.1.0", "paths": {"/o": {"get": operation}}, "components": {}})


def passed(media: Mapping[str, Any], status: int, **headers: str) -> list[Message]:
    """What a client has got of a stream of which the first event is out, and no more."""
    got: list[Message] = []

    async def send(message: Message) -> None:
        got.append(message)

    async def answer() -> None:
        raw = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        checked = CheckedSend(send, contract_of(media).operations[0], {"path": "/o"})
        await checked({"type": "http.response.start", "status": status, "headers": raw})
        await checked({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})

    asyncio.run(answer())
    return got


@pytest.mark.parametrize("media", [{}, {"schema": {"type": "string"}}, {"schema": {"type": "object"}}])
class TestTheCheckOfAnswers:
    def test_lets_the_first_event_through_before_the_last(self, media: Mapping[str, Any]) -> None:
        start, first = passed(media, 200, Content_Type=f"{EVENT_STREAM}; charset=utf-8", X_Needed="x")
        assert (start["status"], first["body"]) == (200, b"data: {}\n\n")

    @pytest.mark.parametrize(
        ("status", "headers"),
        [
            (201, {"Content_Type": EVENT_STREAM, "X_Needed": "x"}),
            (200, {"Content_Type": "text/event-streams", "X_Needed": "x"}),
            (200, {"Content_Type": EVENT_STREAM}),
        ],
    )
    def test_looks_at_status_media_type_and_headers(
        self, media: Mapping[str, Any], status: int, headers: dict[str, str]
    ) -> None:
        start, body = passed(media, status, **headers)
        assert (start["status"], json.loads(body["body"])["code"]) == (500, "internal_error")
