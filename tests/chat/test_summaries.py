"""Chats that have become too long for their model: what is left out is summarised, once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echo.chat.summaries import HEADING, PROMPT, Boundary, boundary_of, material_of
from tests.chat.conftest import Chat
from tests.support.providers import Answer, Received, Reply, json_answer
from tests.support.streams import librechats

MakeChat = Callable[..., Chat]
SETTINGS = "version: 1.3.4\nsummarization:\n  model: gpt-4\n  maxSummaryTokens: 70\n"
LONG = "word " * 180
# As LibreChat stores it.
PART: dict[str, Any] = {"type": "summary", "content": [{"type": "text", "text": "So far."}]}
SMALL = {"maxContextTokens": 500}


def is_for_summary(received: Received) -> bool:
    return bool(received.json["messages"][0]["content"] == PROMPT)


def answer(received: Received) -> Reply | Answer:
    return (
        Reply(["They spoke of words."], usage=(9, 3)) if is_for_summary(received) else Reply(["Yes. ", LONG])
    )


def failing(received: Received) -> Reply | Answer:
    return (
        json_answer({"error": {"message": "no"}}, 400) if is_for_summary(received) else Reply(["Yes. ", LONG])
    )


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "librechat.yaml"
    path.write_text(SETTINGS)
    return str(path)


def test_is_done_once_for_what_there_is_no_room_for(chat: MakeChat, config: str) -> None:
    made = chat(answer, TITLE_CONVO="false", CONFIG_PATH=config)
    user, provider = librechats(made.user), made.provider
    conversation_id = user.ask(f"First {LONG}", **SMALL)[-1].data["conversation"]["conversationId"]
    here = {"conversationId": conversation_id, **SMALL}
    events = user.ask(f"Second {LONG}", **here)
    summing, question = provider.requests[-2:]
    assert (summing.json["model"], question.json["model"]) == ("gpt-4", "gpt-4o-mini")
    assert (
        summing.json["max_completion_tokens" if "max_completion_tokens" in summing.json else "max_tokens"]
        == 70
    )
    assert summing.json["messages"][1]["content"].startswith("User: First word")
    assert "Model: Yes. word" in summing.json["messages"][1]["content"]
    [told] = [each["content"] for each in question.json["messages"]]
    assert told.startswith(f"{HEADING}\n\nThey spoke of words.\n")
    assert "First" not in told
    content = events[-1].data["responseMessage"]["content"]
    question_id = events[-1].data["requestMessage"]["messageId"]
    assert content[0] == {
        "type": "summary",
        "content": [{"type": "text", "text": "They spoke of words."}],
        "tokenCount": content[0]["tokenCount"],
        "model": "gpt-4",
        "provider": "openAI",
        "coverage": {"retainedFromMessageId": question_id},
    }
    assert [each["type"] for each in content] == ["summary", "text"]
    assert [event.data["data"]["index"] for event in events if event.kind == "on_run_step"] == [0, 1]
    # The next turn needs no other one: it has the same.
    asked = len(provider.requests)
    user.ask("Third", **here)
    assert len(provider.requests) == asked + 1
    assert HEADING in provider.requests[-1].json["messages"][0]["content"]


def test_fails_and_the_chat_goes_on(chat: MakeChat, config: str) -> None:
    made = chat(failing, TITLE_CONVO="false", CONFIG_PATH=config)
    user = librechats(made.user)
    conversation_id = user.ask(f"First {LONG}", **SMALL)[-1].data["conversation"]["conversationId"]
    events = user.ask(f"Second {LONG}", conversationId=conversation_id, **SMALL)
    assert [each["type"] for each in events[-1].data["responseMessage"]["content"]] == ["text"]


class TestStoredSummaries:
    def message(self, name: str, *parts: Any) -> dict[str, Any]:
        return {"messageId": name, "content": list(parts), "isCreatedByUser": False}

    def test_cover_what_is_before_the_message_that_they_name(self) -> None:
        covering = {**PART, "coverage": {"retainedFromMessageId": "b"}}
        branch = [self.message("a"), self.message("b"), self.message("c", covering)]
        assert boundary_of(branch) == Boundary("So far.", 1, "b", is_whole=True)
        # What it names is not among them: something between is missing.
        assert boundary_of(branch[2:]) == Boundary("So far.", 0, "b", is_whole=False)

    def test_of_older_versions_cover_what_is_before_their_own(self) -> None:
        branch = [self.message("a"), self.message("b", {"type": "summary", "text": "Old."})]
        assert boundary_of(branch) == Boundary("Old.", 1, None, is_whole=True)

    def test_may_be_anything(self) -> None:
        branch = [self.message("a", None, 1, {"type": "summary"}, {"type": "summary", "content": [1]})]
        assert boundary_of(branch) is None
        assert boundary_of([{"messageId": "a", "content": "text"}]) is None

    def test_are_part_of_the_next_one(self) -> None:
        branch = [self.message("a", PART, {"type": "text", "text": "Later."})]
        assert material_of(branch) == f"{HEADING}\nSo far.\n\nModel: Later."
