"""Having something summarised: what is held and noted for it, and what those who read are told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.prepared import Asking
from echo.chat.summaries import Summing
from echo.chat.summing import summarised, told_summary
from echo.chat.transcript import Transcript
from echo.errors import BadGateway, PaymentRequired
from echo.providers.chat import ChatRequest, Event, Finished, TextDelta, Turn, Usage
from tests.support.waiting import soon

NOBODY: Any = None
REQUEST = ChatRequest("m", (Turn.of_text("user", "Long talk"),), system="Sum up.")
# The instructions, the end of a line, and the talk.
TOKENS = 17
ABOUT = {"responseMessageId": "answer", "conversationId": "c", "sender": "GPT", "model": "m"}


class Scene:
    """A provider that says `events`, and a run that notes what becomes of it."""

    def __init__(self, *events: Event | Exception) -> None:
        self.events = events
        self.refused: Exception | None = None
        self.done: list[tuple[Any, ...]] = []
        self.transcript = Transcript(ABOUT)
        self.hangs = asyncio.Event()
        provider: Any = self
        asking = Asking(provider, REQUEST, NOBODY, {}, "a", "openAI", endpoint="openAI")
        self.summing = Summing(asking, "q2", 3)
        self.bench: Any = SimpleNamespace(
            count=self.count,
            before_round=self.before_round,
            ended=lambda asking: self.done.append(("ended", asking)),
            transcript=self.transcript,
            number_part=lambda kind: {"summary": 4}[kind],
            answer_id="answer",
        )

    async def count(self, text: str) -> int:
        return len(text)

    async def before_round(self, asking: Asking, tokens: int) -> list[Turn]:
        self.done.append(("held", asking, tokens))
        if self.refused is not None:
            raise self.refused
        return []

    async def stream(self, request: ChatRequest, credentials: Any) -> AsyncIterator[Event]:
        self.done.append(("asked", request, credentials))
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event

    def note(self, asking: Asking, usage: Usage) -> None:
        self.done.append(("noted", asking, usage))

    @property
    def asking(self) -> Asking:
        asking: Asking = self.summing.asking
        return asking

    def sum_up(self) -> tuple[str | None, list[str]]:
        told: list[str] = []
        made = asyncio.run(summarised(self.summing, self.bench, self.note, told.append))
        return made, told

    def tell(self, **shown: Any) -> Any:
        return asyncio.run(told_summary(self.summing, self.bench, self.note, "a", shown))

    def told(self) -> list[tuple[str, Any]]:
        return [(each.payload["event"], each.payload["data"]) for each in self.transcript.since((0, 0))[0]]  # type: ignore[arg-type]


SAID = (TextDelta(" They "), TextDelta("spoke. \ud800"), Usage(20, 3), Finished("stop"))


class TestASummary:
    def test_is_paid_for_as_any_other_request(self) -> None:
        scene = Scene(*SAID)
        assert scene.sum_up() == ("They spoke. ?", [" They ", "spoke. ?"])
        assert scene.done == [
            ("held", scene.asking, TOKENS),
            ("asked", REQUEST, None),
            ("noted", scene.asking, Usage(20, 3)),
            ("ended", scene.asking),
        ]

    def test_needs_nobody_who_reads(self) -> None:
        scene = Scene(*SAID)
        assert asyncio.run(summarised(scene.summing, scene.bench, scene.note)) == "They spoke. ?"

    def test_without_instructions_is_counted_by_its_talk(self) -> None:
        scene = Scene(*SAID)
        asking = replace(scene.asking, request=replace(REQUEST, system=None))
        scene.summing = replace(scene.summing, asking=asking)
        scene.sum_up()
        assert scene.done[0][-1] == TOKENS - 7

    def test_that_says_nothing_is_none(self) -> None:
        assert Scene(TextDelta(" \n"), Finished("stop")).sum_up()[0] is None

    def test_that_may_not_be_paid_for_is_not_asked(self) -> None:
        scene = Scene(*SAID)
        scene.refused = PaymentRequired()
        assert scene.sum_up() == (None, [])
        assert [step for step, *_ in scene.done] == ["held", "ended"]

    def test_that_breaks_off_costs_what_came(self) -> None:
        scene = Scene(TextDelta("four"), BadGateway())
        assert scene.sum_up() == (None, ["four"])
        assert scene.done[2:] == [("noted", scene.asking, Usage(TOKENS, 4)), ("ended", scene.asking)]

    def test_that_fails_before_a_word_costs_nothing(self) -> None:
        scene = Scene(BadGateway())
        assert scene.sum_up() == (None, [])
        assert [step for step, *_ in scene.done] == ["held", "asked", "ended"]

    def test_that_fails_by_a_fault_of_ours_is_one(self) -> None:
        scene = Scene(TextDelta("four"), ValueError())
        with pytest.raises(ValueError):  # noqa: PT011 - any is one
            scene.sum_up()
        assert [step for step, *_ in scene.done][2:] == ["noted", "ended"]


class TestWhatIsTold:
    def test_is_the_summary_as_a_part_of_the_answer(self) -> None:
        scene = Scene(*SAID)
        assert scene.tell(agentId="a", groupId=1) == ("They spoke. ?", 13)
        opened, started, piece, complete, closed = scene.told()
        assert [name for name, _ in scene.told()] == [
            "on_run_step",
            "on_summarize_start",
            "on_summarize_delta",
            "on_summarize_complete",
            "on_run_step_closed",
        ]
        step_id = opened[1]["id"]
        by = {"type": "summary", "model": "m", "provider": "openAI"}
        assert (opened[1]["index"], opened[1]["runId"], opened[1]["summary"]) == (4, "answer", by)
        assert (opened[1]["agentId"], opened[1]["groupId"]) == ("a", 1)
        assert started[1] == {
            "agentId": "a",
            "provider": "openAI",
            "model": "m",
            "messagesToRefineCount": 3,
            "summaryVersion": 1,
        }
        said = {**by, "content": [{"type": "text", "text": " They spoke. ?"}]}
        assert piece[1] == {"id": step_id, "delta": {"summary": said}}
        part = complete[1]["summary"]
        assert (complete[1]["id"], complete[1]["agentId"]) == (step_id, "a")
        assert part == {
            **by,
            "content": [{"type": "text", "text": "They spoke. ?"}],
            "tokenCount": 13,
            "summaryVersion": 1,
            "boundary": {"messageId": step_id, "contentIndex": 4},
            "createdAt": part["createdAt"],
            "coverage": {"retainedFromMessageId": "q2"},
            "agentId": "a",
            "groupId": 1,
        }
        assert (closed[1]["id"], closed[1]["status"]) == (step_id, "completed")

    def test_is_that_none_could_be_made(self) -> None:
        scene = Scene(BadGateway())
        assert scene.tell() is None
        *_, failed, closed = scene.told()
        assert failed[0] == "on_summarize_complete"
        assert failed[1] == {"id": closed[1]["id"], "agentId": "a", "error": "No summary could be made."}
        assert (closed[0], closed[1]["status"]) == ("on_run_step_closed", "failed")

    def test_is_that_it_was_stopped(self) -> None:
        scene = Scene(TextDelta("four"))

        async def go() -> None:
            never = asyncio.Event()

            async def stream(*_: Any) -> AsyncIterator[Event]:
                yield TextDelta("four")
                await never.wait()

            scene.stream = stream  # type: ignore[method-assign]
            making = asyncio.create_task(told_summary(scene.summing, scene.bench, scene.note, "a", {}))
            await soon(lambda: len(scene.told()) == 3)
            making.cancel()
            with pytest.raises(asyncio.CancelledError):
                await making

        asyncio.run(go())
        name, closed = scene.told()[-1]
        assert (name, closed["status"]) == ("on_run_step_closed", "cancelled")
        assert scene.done[1:] == [("noted", scene.asking, Usage(TOKENS, 4)), ("ended", scene.asking)]
