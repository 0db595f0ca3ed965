"""The events of a chat, held against what a LibreChat was seen to send."""

from collections.abc import Callable
from typing import Any

from tests.chat.conftest import Chat
from tests.support.providers import Reply
from tests.support.streams import NO_PARENT, WHOLE_ANSWER, Event, kinds, spoken

MakeChat = Callable[..., Chat]

# What the clients of LibreChat read of its events, as one of version 0.8.8 sent them.
CREATED = {"messageId", "parentMessageId", "conversationId", "sender", "text", "isCreatedByUser"}
CONTEXT = {
    "runId",
    "agentId",
    "breakdown",
    "contextBudget",
    "effectiveInstructionTokens",
    "prePruneContextTokens",
    "remainingContextTokens",
    "calibrationRatio",
}
BREAKDOWN = {
    "maxContextTokens",
    "instructionTokens",
    "systemMessageTokens",
    "dynamicInstructionTokens",
    "toolSchemaTokens",
    "summaryTokens",
    "toolCount",
    "messageCount",
    "messageTokens",
    "availableForMessages",
    "toolTokenCounts",
}
STEP = {"stepIndex", "id", "type", "index", "stepDetails", "usage", "status", "runId", "created_at"}
CLOSED = {"id", "index", "type", "status", "closed_at", "created_at", "runId", "stepIndex"}
USAGE = {"input_tokens", "output_tokens", "total_tokens", "model", "provider", "runId", "seq"}
CONVERSATION = {
    "_id",
    "conversationId",
    "user",
    "__v",
    "createdAt",
    "endpoint",
    "expiredAt",
    "files",
    "isArchived",
    "isTemporary",
    "messages",
    "model",
    "tags",
    "title",
    "updatedAt",
}
REQUEST = {*CREATED, "tokenCount"}
RESPONSE = {
    "messageId",
    "conversationId",
    "parentMessageId",
    "isCreatedByUser",
    "isEdited",
    "model",
    "sender",
    "promptTokens",
    "endpoint",
    "metadata",
    "text",
    "content",
    "tokenCount",
    "attachments",
}


def data(events: list[Event], kind: str) -> dict[str, Any]:
    """What the first event of a kind says."""
    said: dict[str, Any] = next(event.data["data"] for event in events if event.kind == kind)
    return said


class TestEventsOfAnAnswer:
    def test_come_in_librechats_order(self, chat: MakeChat) -> None:
        events = chat(Reply(("pong ", "w0 ", "w1"))).user.ask()
        assert kinds(events) == WHOLE_ANSWER
        assert {event.name for event in events} == {"message"}
        assert spoken(events) == "pong w0 w1"

    def test_have_what_librechats_clients_read(self, chat: MakeChat) -> None:
        events = chat(Reply()).user.ask()
        created, final = events[0].data, events[-1].data
        assert created["message"].keys() == CREATED
        assert created["streamId"] == created["message"]["conversationId"]
        assert data(events, "on_context_usage").keys() == CONTEXT
        assert data(events, "on_context_usage")["breakdown"].keys() == BREAKDOWN
        assert data(events, "on_run_step").keys() == STEP
        assert data(events, "on_run_step_closed").keys() == CLOSED
        assert data(events, "on_token_usage").keys() == USAGE
        assert data(events, "title").keys() == {"conversationId", "title"}
        assert final["conversation"].keys() >= CONVERSATION
        assert final["requestMessage"].keys() == REQUEST
        assert final["responseMessage"].keys() >= RESPONSE

    def test_agree_with_each_other(self, chat: MakeChat) -> None:
        talk = chat(Reply(("Hi", " there")))
        started = talk.user.start("Hello")
        events = list(talk.user.follow(started["streamId"]))
        created, final = events[0].data, events[-1].data
        answer = final["responseMessage"]
        assert created["message"]["parentMessageId"] == NO_PARENT
        assert final["requestMessage"]["messageId"] == created["message"]["messageId"]
        assert answer["parentMessageId"] == created["message"]["messageId"]
        assert answer["content"] == [{"type": "text", "text": "Hi there"}]
        assert (answer["text"], answer["sender"]) == ("", "GPT-4o")
        assert answer["metadata"]["usage"] == {"input": 11, "output": 7, "cacheWrite": 0, "cacheRead": 0}
        assert data(events, "on_run_step")["runId"] == answer["messageId"]
        assert final["conversation"]["conversationId"] == started["conversationId"] == started["streamId"]
        assert final["conversation"]["title"] == final["title"] == data(events, "title")["title"]
        assert len(final["conversation"]["messages"]) == 2

    def test_reasoning_is_a_part_of_its_own(self, chat: MakeChat) -> None:
        events = chat(Reply(("So: 4.",), reasoning=("two ", "and two"))).user.ask()
        assert kinds(events)[2:8] == [
            "on_run_step",
            "on_reasoning_delta",
            "on_run_step_closed",
            "on_run_step",
            "on_message_delta",
            "on_token_usage",
        ]
        assert spoken(events, "think") == "two and two"
        steps = [event.data["data"] for event in events if event.kind == "on_run_step"]
        assert [step["index"] for step in steps] == [0, 1]
        assert events[-1].data["responseMessage"]["content"] == [
            {"type": "think", "think": "two and two"},
            {"type": "text", "text": "So: 4."},
        ]


class TestTheStart:
    def test_answers_as_librechat(self, chat: MakeChat) -> None:
        started = chat(Reply()).user.start()
        assert started["streamId"] == started["conversationId"]
        assert started["status"] == "started"
        assert isinstance(started["generationCreatedAt"], int)
        assert started["generationProtocolVersion"] == 1

    def test_takes_the_whole_body_of_librechats_client(self, chat: MakeChat) -> None:
        events = chat(Reply()).user.ask(
            "Hi",
            sender="User",
            clientTimestamp="2026-11-23T13:19:58",
            isCreatedByUser=True,
            parentMessageId=NO_PARENT,
            messageId="9b7dbebd-f50a-42ac-986d-c0bf77f69b0a",
            error=False,
            model="gpt-4o-mini",
            isTemporary=False,
            isRegenerate=False,
            isContinued=False,
            timezone="UTC",
            clientRequestId="3037353e-aa84-4a90-ab3a-26156a5afaef-shapes",
            generationProtocolVersion=2,
            conversationId=None,
            ephemeralAgent={"mcp": []},
            promptPrefix=None,
            files=[],
        )
        assert events[-1].kind == "final"
        # As LibreChat does: an id of the client's own could be someone's already.
        assert events[0].data["message"]["messageId"] != "9b7dbebd-f50a-42ac-986d-c0bf77f69b0a"
