"""The events of a chat's stream, literally as LibreChat's clients read them."""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from bson import ObjectId

from echo.chat import frames

ID = ObjectId("6b043d3a061cc954c9774424")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def test_an_event_is_two_lines_and_an_empty_one() -> None:
    assert (
        frames.encode("message", {"a": "é\n", "b": 1})
        == 'event: message\ndata: {"a":"é\\n","b":1}\n\n'.encode()
    )


def test_what_is_said_between_events() -> None:
    assert frames.KEEP_ALIVE == b": keep-alive\n\n"
    assert frames.COME_BACK == b": the server is stopping\nretry: 2000\n\n"
    assert frames.BROKEN == b"event: error\ndata:\n\n"


def test_the_time_is_in_milliseconds() -> None:
    before = time.time()
    told = frames.milliseconds()
    assert type(told) is int
    assert before * 1000 - 1 <= told <= time.time() * 1000


class TestCreated:
    def test_shows_the_question_as_it_is_now(self) -> None:
        question = {
            "messageId": "m",
            "parentMessageId": "p",
            "conversationId": "c",
            "sender": "User",
            "text": "Hello",
            "isCreatedByUser": True,
            "files": [{"file_id": "f"}],
        }
        assert frames.created({**question, "user": "secret", "model": "m"}, "s") == {
            "created": True,
            "message": question,
            "streamId": "s",
        }

    def test_leaves_out_what_there_is_not_but_the_text(self) -> None:
        question = {"messageId": "m", "parentMessageId": None, "files": [], "text": None}
        assert frames.created(question, "s")["message"] == {"text": "", "messageId": "m"}


class TestUsage:
    COUNTS = (
        ("system", 10),
        ("messages", 70),
        ("budget", 900),
        ("window", 1000),
        ("count", 3),
        ("before", 95),
    )

    def test_of_the_context(self) -> None:
        data = {
            "runId": "r",
            "agentId": "a",
            "breakdown": {
                "maxContextTokens": 1000,
                "instructionTokens": 10,
                "systemMessageTokens": 10,
                "dynamicInstructionTokens": 0,
                "toolSchemaTokens": 0,
                "summaryTokens": 0,
                "toolCount": 0,
                "messageCount": 3,
                "messageTokens": 70,
                "availableForMessages": 890,
                "toolTokenCounts": {},
            },
            "contextBudget": 900,
            "effectiveInstructionTokens": 10,
            "prePruneContextTokens": 95,
            "remainingContextTokens": 820,
            "calibrationRatio": 1,
        }
        assert frames.usage_of_context("r", "a", dict(self.COUNTS)) == data
        assert frames.context_usage("r", "a", dict(self.COUNTS)) == {
            "event": "on_context_usage",
            "data": data,
        }

    def test_of_the_context_is_never_below_nothing(self) -> None:
        data = frames.usage_of_context("r", "a", {**dict(self.COUNTS), "budget": 10})
        assert data["breakdown"]["availableForMessages"] == 0
        assert data["remainingContextTokens"] == 0
        data = frames.usage_of_context("r", "a", {**dict(self.COUNTS), "budget": 9})
        assert data["breakdown"]["availableForMessages"] == 0

    def test_of_tokens(self) -> None:
        assert frames.token_usage("r", (12, 30), "gpt-4o", "openAI") == {
            "event": "on_token_usage",
            "data": {
                "input_tokens": 12,
                "output_tokens": 30,
                "total_tokens": 42,
                "model": "gpt-4o",
                "provider": "openAI",
                "runId": "r",
                "seq": 1,
            },
        }


class TestSteps:
    def test_begin_and_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(frames, "milliseconds", lambda: 1000)
        begun = frames.step("step_1", "r", 2, "think")
        assert begun == {
            "event": "on_run_step",
            "data": {
                "stepIndex": 2,
                "id": "step_1",
                "type": "message_creation",
                "index": 2,
                "stepDetails": {
                    "type": "message_creation",
                    "message_creation": {"message_id": "r", "content_type": "think"},
                },
                "usage": None,
                "status": "in_progress",
                "runId": "r",
                "created_at": 1000,
            },
        }
        monkeypatch.setattr(frames, "milliseconds", lambda: 2000)
        assert frames.step_closed(begun["data"], "completed") == {
            "event": "on_run_step_closed",
            "data": {
                "id": "step_1",
                "index": 2,
                "type": "message_creation",
                "created_at": 1000,
                "runId": "r",
                "stepIndex": 2,
                "status": "completed",
                "closed_at": 2000,
            },
        }

    @pytest.mark.parametrize(
        ("kind", "name"), [("text", "on_message_delta"), ("think", "on_reasoning_delta")]
    )
    def test_grow(self, kind: str, name: str) -> None:
        assert frames.delta("step_1", kind, "Hel") == {
            "event": name,
            "data": {"id": "step_1", "delta": {"content": [{"type": kind, kind: "Hel"}]}},
        }


class TestTheRest:
    def test_a_title(self) -> None:
        assert frames.title("c", "Greetings") == {
            "event": "title",
            "data": {"conversationId": "c", "title": "Greetings"},
        }

    def test_the_last_event(self) -> None:
        conversation = {"conversationId": "c", "title": "T", "_meiliIndex": True, "tenantId": "t", "_id": ID}
        stored = {
            "final": True,
            "conversation": {"conversationId": "c", "title": "T", "_id": str(ID)},
            "title": "T",
            "requestMessage": {"messageId": "q", "createdAt": "2026-01-02T03:04:05.678Z"},
            "responseMessage": {"messageId": "a", "_id": str(ID)},
            "generationProtocolVersion": 1,
        }
        told = (conversation, {"messageId": "q", "createdAt": MOMENT}, {"messageId": "a", "_id": ID})
        assert frames.final(*told, aborted=False) == stored
        assert frames.final(*told, aborted=True) == {**stored, "aborted": True}

    def test_the_last_event_without_a_title(self) -> None:
        assert frames.final({}, {}, {}, aborted=False)["title"] is None

    def test_the_last_event_of_a_failure(self) -> None:
        assert frames.failed("Sorry.", "provider_failed") == {"error": "Sorry.", "code": "provider_failed"}
        for seconds in (0, 7):
            assert frames.failed("Sorry.", "provider_limited", seconds) == {
                "error": "Sorry.",
                "code": "provider_limited",
                "retryAfter": seconds,
            }

    def test_the_first_event_for_a_reader_who_comes_back(self) -> None:
        assert frames.sync({"runSteps": []}) == {
            "sync": True,
            "resumeState": {"runSteps": []},
            "pendingEvents": [],
        }


@pytest.mark.parametrize(
    "name",
    ["_meiliIndex", "subagent", "subagentId", "agentEvent", "agentEvents", "initial_agent_id", "tenantId"],
)
def test_what_is_hidden_of_a_conversation(name: str) -> None:
    assert frames.conversation_of({name: 1, "agent_id": "a"}) == {"agent_id": "a"}


class TestParts:
    def test_are_shown_with_plain_texts(self) -> None:
        stored: list[dict[str, Any]] = [
            {"type": "text", "text": "Hello", "tool_call_ids": [ID]},
            {"type": "text", "text": {"value": "within"}},
            {"type": "think", "think": "Hm"},
            {"type": "image_file", "image_file": {"at": MOMENT}},
            {"type": "text", "text": 7},
            {"type": 7, "text": "no"},
            {"text": "no"},
        ]
        assert frames.parts(stored) == [
            {"type": "text", "text": "Hello", "tool_call_ids": [str(ID)]},
            {"type": "text", "text": "within"},
            {"type": "think", "think": "Hm"},
            {"type": "image_file", "image_file": {"at": "2026-01-02T03:04:05.678Z"}},
            {"type": "text"},
        ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (0, 0),
        ("", ""),
        (1.5, 1.5),
        (float("nan"), None),
        (float("-inf"), None),
        (MOMENT, "2026-01-02T03:04:05.678Z"),
        (MOMENT.replace(tzinfo=None), "2026-01-02T03:04:05.678Z"),
        (MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00.000Z"),
        (ID, "6b043d3a061cc954c9774424"),
        ({1: [ID, {"a": MOMENT}]}, {"1": [str(ID), {"a": "2026-01-02T03:04:05.678Z"}]}),
        ((1, ID), [1, str(ID)]),
        (b"ab", "b'ab'"),
    ],
)
def test_a_stored_value_as_json_has_it(value: Any, shown: Any) -> None:
    assert frames.plain(value) == shown
    assert type(frames.plain(value)) is type(shown)


def test_a_time_is_the_same_wherever_the_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        assert time.timezone == -19800
        assert frames.plain(MOMENT) == "2026-01-02T03:04:05.678Z"
        assert frames.plain(MOMENT.replace(tzinfo=None)) == "2026-01-02T03:04:05.678Z"
    time.tzset()


class TestToolsAndAgents:
    @pytest.fixture(autouse=True)
    def _clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(frames, "milliseconds", lambda: 1234)

    def test_a_call_begins_goes_on_and_comes_to_something(self) -> None:
        begun = frames.call_step("s", "r", 2, "c", "add")
        call = {"id": "c", "name": "add", "args": "", "type": "tool_call"}
        assert begun == {
            "event": "on_run_step",
            "data": {
                "usage": None,
                "status": "in_progress",
                "created_at": 1234,
                "id": "s",
                "type": "tool_calls",
                "stepDetails": {"type": "tool_calls", "tool_calls": [call]},
                "runId": "r",
                "index": 2,
                "stepIndex": 2,
            },
        }
        piece = {"type": "tool_calls", "tool_calls": [{"args": "{", "index": 0}]}
        assert frames.delta("s", "tool_call", "{") == {
            "event": "on_run_step_delta",
            "data": {"id": "s", "delta": piece},
        }
        done = {**call, "args": "{}", "output": "3", "progress": 1}
        result = {"id": "s", "index": 2, "type": "tool_call", "tool_call": done}
        assert frames.call_completed(begun["data"], "{}", "3") == {
            "event": "on_run_step_completed",
            "data": {"result": result},
        }

    def test_a_step_of_a_tools_own_has_its_place_and_may_say_the_rest(self) -> None:
        about = {"status": "done", "created_at": 5, "index": 9, "runId": "x", "stepIndex": 9, "delta": {}}
        assert frames.step_of_tool(about, "r", 2) == {
            "usage": None,
            "status": "done",
            "created_at": 5,
            "delta": {},
            "runId": "r",
            "index": 2,
            "stepIndex": 2,
        }

    def test_another_agent_goes_on(self) -> None:
        about = {"index": 3, "runId": "r", "agentId": "a"}
        assert frames.agent_update("r", 3, "a") == {
            "event": "on_agent_update",
            "data": {"type": "agent_update", "agent_update": about},
        }
        assert frames.subagent_update("r", {"status": "x"}) == {
            "event": "on_subagent_update",
            "data": {"runId": "r", "status": "x", "timestamp": 1234},
        }

    def test_a_summary_begins_and_is_made(self) -> None:
        begun = frames.summary_step("s", "r", 0, "m", "p")
        assert begun["event"] == "on_run_step"
        assert begun["data"] == {
            **frames.step("s", "r", 0, "text")["data"],
            "summary": {"type": "summary", "model": "m", "provider": "p"},
        }
        assert frames.summary_complete("s", "a", {"text": "x"}) == {
            "event": "on_summarize_complete",
            "data": {"id": "s", "agentId": "a", "summary": {"text": "x"}},
        }

    def test_a_message_is_before_the_model(self) -> None:
        part = {"type": "steer", "steer": "Wait", "steerId": "i", "clientSteerId": "j"}
        place = {"index": 1, "responseMessageId": "r", "conversationId": "c"}
        assert frames.steer_applied(part, 1, "r", "c") == {
            "event": "on_steer_applied",
            "data": {"steerId": "i", "clientSteerId": "j", "part": part, **place},
        }
        assert frames.steer_applied({"steer": "x"}, 1, "r", "c")["data"] == {"part": {"steer": "x"}, **place}

    def test_one_beside_others_fails(self) -> None:
        part = {"type": "error", "error": "Away.", "agentId": "a"}
        assert frames.error_part("Away.", {"agentId": "a"}) == part
