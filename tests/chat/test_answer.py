"""An answer as it is stored, and as the last event has it."""

from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.answer import Outcome, to_store, to_tell
from echo.errors import BadGateway

COUNTS = {"window": 100, "budget": 90, "system": 5, "messages": 7, "before": 12, "count": 2}
ABOUT: dict[str, Any] = {
    "responseMessageId": "answer",
    "model": "m",
    "sender": "GPT",
    "endpoint": "openAI",
    "iconURL": None,
}
SAID = [{"type": "text", "text": "So "}, {"type": "think", "think": "Hm"}, {"type": "text", "text": "it is"}]


def prepared(**about: Any) -> Any:
    question = {"messageId": "question", "text": "Is it?", "endpoint": "openAI", "model": None}
    return SimpleNamespace(
        about={**ABOUT, **about},
        attachments=({"file_id": "before"},),
        question=question,
        conversation_id="c",
        first=SimpleNamespace(counts={**COUNTS, "before": 13}),
    )


def outcome(**changed: Any) -> Outcome:
    usual: dict[str, Any] = {
        "content": SAID,
        "used": (30, 4),
        "tokens": 3,
        "is_complete": True,
        "finish": "stop",
        "failure": None,
    }
    return Outcome(**{**usual, **changed})


def stored(**changed: Any) -> dict[str, Any]:
    first: Any = SimpleNamespace(agent_id="a", counts=COUNTS)
    return to_store(prepared(), outcome(**changed), first, [{"file_id": "new"}])


class TestStored:
    def test_has_what_it_said_and_what_that_took(self) -> None:
        assert stored() == {
            "content": SAID,
            "text": "",
            "unfinished": False,
            "error": False,
            "tokenCount": 3,
            "attachments": [{"file_id": "before"}, {"file_id": "new"}],
            "finish_reason": "stop",
            "metadata": {
                "contextUsage": {
                    "runId": "answer",
                    "agentId": "a",
                    "breakdown": {
                        "maxContextTokens": 100,
                        "instructionTokens": 5,
                        "systemMessageTokens": 5,
                        "dynamicInstructionTokens": 0,
                        "toolSchemaTokens": 0,
                        "summaryTokens": 0,
                        "toolCount": 0,
                        "messageCount": 2,
                        "messageTokens": 7,
                        "availableForMessages": 85,
                        "toolTokenCounts": {},
                    },
                    "contextBudget": 90,
                    "effectiveInstructionTokens": 5,
                    "prePruneContextTokens": 12,
                    "remainingContextTokens": 78,
                    "calibrationRatio": 1,
                    "completedOutputTokens": 4,
                },
                "usage": {"input": 30, "output": 4, "cacheWrite": 0, "cacheRead": 0},
            },
        }

    @pytest.mark.parametrize("cost", [0.0, 0.25])
    def test_has_its_cost_where_that_is_shown(self, cost: float) -> None:
        assert stored(cost=cost)["metadata"]["usage"]["cost"] == cost

    def test_without_a_reason_for_its_end_has_none(self) -> None:
        assert "finish_reason" not in stored(finish=None)

    @pytest.mark.parametrize(("length", "kept"), [(1_000_000, 1_000_000), (1_000_001, 0)])
    def test_that_was_not_finished_has_its_text_twice_if_there_is_room(self, length: int, kept: int) -> None:
        found = stored(is_complete=False, content=[{"type": "text", "text": "x" * length}])
        assert (len(found["text"]), found["unfinished"], found["error"]) == (kept, True, False)
        assert stored(is_complete=False)["text"] == "So it is"

    def test_that_failed_before_a_word_is_the_error(self) -> None:
        failure = BadGateway("No answer.")
        found = stored(is_complete=False, content=[], failure=failure)
        assert (found["text"], found["error"], found["unfinished"]) == ("No answer.", True, False)
        found = stored(is_complete=False, failure=failure)
        assert (found["text"], found["error"], found["unfinished"]) == ("So it is", False, True)


class TestTold:
    def tell(self, aborted: bool = False, **about: Any) -> dict[str, Any]:
        conversation = {"conversationId": "c", "title": "Is it"}
        answer = {"content": [*SAID, {"text": "odd"}], "text": "", "sender": "Stored"}
        return to_tell(prepared(**about), conversation, answer, aborted=aborted)

    def test_has_question_and_answer_as_clients_read_them(self) -> None:
        told = self.tell()
        assert told["requestMessage"] == {"messageId": "question", "text": "Is it?"}
        assert told["responseMessage"] == {
            "messageId": "answer",
            "conversationId": "c",
            "parentMessageId": "question",
            "isCreatedByUser": False,
            "isEdited": False,
            "model": "m",
            "sender": "Stored",
            "promptTokens": 13,
            "endpoint": "openAI",
            "content": SAID,
            "text": "",
        }
        assert (told["final"], told["title"], "aborted" in told) == (True, "Is it", False)

    def test_says_that_it_was_stopped(self) -> None:
        assert self.tell(aborted=True)["aborted"] is True

    def test_shows_the_answerers_picture(self) -> None:
        assert self.tell(iconURL="i.png")["responseMessage"]["iconURL"] == "i.png"
