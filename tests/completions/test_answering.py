"""What is counted and told of an answer, whichever protocol tells it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from echo.chat.variables import Variables
from echo.completions.answering import Answering, metered, take_all, texts_of, told
from echo.completions.asking import Question
from echo.completions.keeping import Earlier
from echo.completions.pulse import OVER, SILENCE
from echo.completions.service import CompletionTeller
from echo.errors import BadGateway
from echo.handling.caller import Caller
from echo.providers.chat import (
    AudioDelta,
    ChatRequest,
    Event,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Turn,
    Usage,
)

CALLER = Caller("0" * 24, "1" * 24, "ada@example.com", "ada", "local", "USER")


class Paid:
    """Notes what is counted, in order."""

    def __init__(self) -> None:
        self.log: list[Any] = []

    def wrote(self, text: str) -> None:
        self.log.append(text)

    def told(self, used: int, said: int, *, cached: int, written: int) -> None:
        self.log.append((used, said, cached, written))

    def worked(self) -> None:
        self.log.append("worked")

    async def settle(self) -> None:
        self.log.append("settled")


class TestMetered:
    def counted(self, *events: Event, fails: bool = False) -> tuple[list[Any], list[Event]]:
        """What is counted, and what is passed on."""
        paid: Any = Paid()
        passed: list[Event] = []

        async def said() -> AsyncGenerator[Event, None]:
            try:
                for each in events:
                    yield each
                if fails:
                    raise BadGateway
            finally:
                paid.log.append("closed")

        async def listen() -> None:
            async for event in metered(said(), paid):
                passed.append(event)

        if fails:
            with pytest.raises(BadGateway):
                asyncio.run(listen())
        else:
            asyncio.run(listen())
        return paid.log, passed

    @pytest.mark.parametrize(
        ("event", "noted"),
        [
            (TextDelta("text"), "text"),
            (ReasoningDelta("thought"), "thought"),
            (RefusalDelta("no"), "no"),
            (AudioDelta("id", "AAAA", "spoken"), "spoken"),
            (ToolCallDelta(0, "c", "look", "{"), "look {"),
            (ToolCallDelta(0, arguments="}"), " }"),
            (Usage(9, 5, 4, 3, 2), (9, 5, 4, 3)),
        ],
        ids=lambda each: type(each).__name__,
    )
    def test_all_that_is_written_counts(self, event: Event, noted: Any) -> None:
        assert self.counted(event, Finished("stop")) == (
            [noted, "closed", "worked", "settled"],
            [event, Finished("stop")],
        )

    def test_what_breaks_off_has_not_worked(self) -> None:
        assert self.counted(TextDelta("a"), fails=True) == (["a", "closed"], [TextDelta("a")])


def test_all_texts_that_a_model_gets() -> None:
    turns = (
        Turn.of_text("user", "Hello"),
        Turn("assistant", (Text("Well"), ToolCall("c", "look", "{}"))),
        Turn("tool", (ToolResult("c", (Text("rain"),)),)),
    )
    assert texts_of(ChatRequest("m", turns, "Rhyme.")) == ["Rhyme.", "Hello", "Well\nlook {}", "rain"]
    assert texts_of(ChatRequest("m", ())) == [""]


class TestJob:
    def job(self, earlier: Earlier) -> Any:
        """A question after what was said before, of somebody who is called Ada."""
        reach: Any = type("Reach", (), {"variables": Variables(lambda: {"name": "Ada"})})()
        models: Any = type("Models", (), {"reach_of": lambda _self, _caller: reach})()
        meter: Any = type("Meter", (), {"begin": lambda _self, caller: ("spending", caller)})()

        async def check(*_texts: str) -> None:
            raise NotImplementedError

        nothing: Any = None
        answering = Answering(models, nothing, len, meter=meter, most_open=1, check_texts=check)
        question = Question("a/m", (Turn.of_text("user", "Hi"),))
        job = answering.job(CALLER, question, earlier)
        assert (job.caller, job.question, job.reach) == (CALLER, question, reach)
        assert job.spending == ("spending", CALLER)
        return job.earlier

    def test_has_the_variables_of_a_stored_prompt_filled_in(self) -> None:
        before = (Turn.of_text("user", "{{current_user}}"),)
        assert self.job(Earlier("For {{current_user}}.", before, "m1")) == Earlier("For Ada.", before, "m1")

    def test_may_have_no_prompt(self) -> None:
        assert self.job(Earlier(None, (), "m1")) == Earlier(None, (), "m1")


class TestTold:
    def frames(self, first: Any, *batches: Any) -> list[bytes]:
        async def beats() -> AsyncGenerator[Any, None]:
            for each in batches:
                yield each

        async def run() -> list[bytes]:
            teller = CompletionTeller(Question("a/m", ()))
            async with aclosing(beats()) as come, aclosing(told(teller, first, come)) as said:
                return [frame async for frame in said]

        return asyncio.run(run())

    def test_is_in_one_piece_what_came_together(self) -> None:
        first, silence, second = self.frames(
            [TextDelta("a"), TextDelta("b")], SILENCE, [Usage(1, 1)], [TextDelta("c")]
        )
        assert first.count(b"data: ") == 2
        assert silence == b": still working\n\n"
        assert second.count(b'"content":"c"') == 1

    def test_is_nothing_where_nothing_comes(self) -> None:
        assert self.frames(OVER) == []


def test_every_event_is_taken() -> None:
    async def events() -> AsyncIterator[Event]:
        for each in (TextDelta("a"), TextDelta("b")):
            yield each

    teller = CompletionTeller(Question("a/m", ()))
    asyncio.run(take_all(events(), teller))
    assert teller.answer.whole_text == "ab"
