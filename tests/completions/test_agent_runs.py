"""One answer of all who take part: what a program is told of each, and in which order."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from echo.completions import agent_runs
from echo.completions.agent_runs import AgentRun, Working
from echo.errors import BadGateway
from echo.providers.chat import (
    Citation,
    Cited,
    Event,
    Finished,
    Logprobs,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from echo.tools.loop_events import RoundBegun, RoundEnded, Stopped


class Purse:
    """Adds up what was used."""

    def __init__(self) -> None:
        self.used = Usage(0, 0)
        self.noted: list[Any] = []

    def note(self, asking: Any, usage: Usage) -> None:
        self.noted.append((asking, usage))
        self.used = Usage(self.used.input_tokens + usage.input_tokens, 0)


class TestOneAgent:
    def told(self, *events: Any, hidden: bool | None = None) -> tuple[list[Any], Purse]:
        """What the program is told of an agent's events; of one who is hidden in a relay, or not, or alone."""
        purse: Any = Purse()
        given: Any = SimpleNamespace(name="asking"), None, None
        asking, kit, leg = given
        if hidden is not None:
            leg = SimpleNamespace(is_hidden=hidden)
        working = Working(kit, purse, asking, leg)
        for each in events:
            working._take(each)
        said = []
        while not working.queue.empty():
            said.append(working.queue.get_nowait())
        assert all(each[0] is asking for each in purse.noted)
        return said, purse

    SAID: tuple[Event, ...] = (
        TextDelta("a"),
        ReasoningDelta("b"),
        RefusalDelta("c"),
        Cited(Citation("http://x")),
        Logprobs([1]),
    )

    @pytest.mark.parametrize("hidden", [None, False])
    def test_is_told_by_what_it_says(self, hidden: bool | None) -> None:
        more = (ReasoningSignature("s"), ToolCallDelta(0, "c", "look"), Usage(9, 9))
        assert self.told(*self.SAID, *more, hidden=hidden)[0] == list(self.SAID)

    def test_that_is_hidden_says_nothing_but_its_end(self) -> None:
        assert self.told(*self.SAID, Finished("stop"), hidden=True)[0] == [Finished("stop")]

    def test_tells_the_tokens_of_all_requests_after_each(self) -> None:
        ended = [RoundEnded(1, Usage(each, 1), "stop", 0) for each in (3, 4)]
        said, purse = self.told(RoundBegun(1), ended[0], RoundBegun(2), ended[1])
        assert said == [Usage(3, 0), Usage(7, 0)]
        assert [usage for _, usage in purse.noted] == [Usage(3, 1), Usage(4, 1)]

    def test_that_is_stopped_was_too_long(self) -> None:
        assert self.told(Stopped("steps", "Too many."))[0] == [Finished("length")]


class TestWork:
    """One agent's part from its beginning to its end, with a loop that does as the test says."""

    def work(
        self, monkeypatch: pytest.MonkeyPatch, *events: Any, fails: bool = False
    ) -> tuple[list[Any], Working]:
        log: list[Any] = []
        asking = SimpleNamespace(limits="limits", ends_after_tools=False)
        ready = SimpleNamespace(limits="limits", ends_after_tools=False)

        class Loop:
            added = ("turn",)

            def __init__(self, looped: Any, limits: Any, host: Working) -> None:
                assert (looped.tokens, limits, host.asking) == (7, "limits", ready)

            async def events(self) -> Any:
                for each in events:
                    yield each
                if fails:
                    raise BadGateway

        async def readied(*given: Any) -> Any:
            assert given == (asking, None, kit, purse.note)
            return SimpleNamespace(tokens=7), ready

        async def before_round(given: Any, tokens: int) -> Any:
            log.append(("before", given, tokens))
            return ()

        async def count(text: str) -> int:
            return len(text)

        kit: Any = SimpleNamespace(
            before_round=before_round, count=count, ended=lambda given: log.append(("ended", given))
        )
        purse: Any = Purse()
        monkeypatch.setattr(agent_runs, "readied", readied)
        monkeypatch.setattr(agent_runs, "ToolLoop", Loop)
        given: Any = asking
        working = Working(kit, purse, given)
        with pytest.raises(BadGateway) if fails else nullcontext():
            asyncio.run(working.work(is_first=True))
        assert log == [("before", ready, 7), ("ended", ready)]
        assert [each for each, _ in purse.noted] == [ready] * len(purse.noted)
        return [usage for _, usage in purse.noted], working

    def test_holds_before_it_asks_and_gives_back_at_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ended = RoundEnded(1, Usage(3, 1), "stop", 0)
        used, working = self.work(monkeypatch, RoundBegun(1), TextDelta("a"), ended)
        assert used == [Usage(3, 1)]
        assert working.added == ("turn",)
        said = [working.queue.get_nowait() for _ in range(working.queue.qsize())]
        assert said == [TextDelta("a"), Usage(3, 0), None]

    def test_notes_what_was_said_before_it_broke_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        used, working = self.work(monkeypatch, RoundBegun(1), TextDelta("four"), fails=True)
        assert used == [Usage(7, 4)]
        assert working.added == ()
        assert working.queue.get_nowait() == TextDelta("four")
        assert working.queue.get_nowait() is None

    def test_notes_nothing_of_what_had_not_begun(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.work(monkeypatch, RoundBegun(1), fails=True)[0] == []


class Part:
    """Somebody who takes part: says something and fails, perhaps, once others let it."""

    def __init__(self, *said: Any, fails: bool = False, before: Callable[[], Any] | None = None) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.first: list[bool] = []
        self.ended = ""
        self._said = said
        self._fails = fails
        self._before = before

    async def work(self, *, is_first: bool) -> None:
        self.first.append(is_first)
        try:
            if self._before:
                await self._before()
            for each in self._said:
                self.queue.put_nowait(each)
            if self._fails:
                raise BadGateway
            self.ended = "worked"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        finally:
            self.queue.put_nowait(None)


class TestAStep:
    def step(self, *steps: list[Part]) -> list[Event]:
        """What is said in these steps, one after the other, and the end of the answer."""

        async def run() -> list[Event]:
            given: Any = None
            answer = AgentRun(given, given)
            said: list[Event] = []
            for number, parts in enumerate(steps):
                workings: Any = parts
                said += [event async for event in answer._step(workings, is_first=number == 0)]
            return [*said, answer._finished]

        return asyncio.run(run())

    def test_is_told_in_order_with_a_space_between_two(self) -> None:
        said = self.step(
            [Part(TextDelta("a"), TextDelta("b"), Finished("length"))],
            [Part(ReasoningDelta("t"), TextDelta("c")), Part(TextDelta("d"), Finished("stop"))],
        )
        assert said == [
            TextDelta("a"),
            TextDelta("b"),
            ReasoningDelta("t"),
            TextDelta("\n\n"),
            TextDelta("c"),
            TextDelta("\n\n"),
            TextDelta("d"),
            Finished("stop"),
        ]

    def test_of_one_who_says_nothing_has_no_space(self) -> None:
        assert self.step([Part(ReasoningDelta("t"))], [Part(TextDelta("a"))]) == [
            ReasoningDelta("t"),
            TextDelta("a"),
            Finished("other"),
        ]

    def test_tells_each_whether_it_is_the_first(self) -> None:
        parts = [Part(), Part(), Part()]
        self.step(parts[:2], parts[2:])
        assert [each.first for each in parts] == [[True], [True], [False]]

    def test_is_told_in_order_whoever_is_ready_first(self) -> None:
        async def run() -> list[Event]:
            given: Any = None
            late = asyncio.Event()
            second = Part(TextDelta("b"))

            async def after_the_second() -> None:
                while not second.ended:
                    await asyncio.sleep(0)
                late.set()

            parts: Any = [Part(TextDelta("a"), before=late.wait), second, Part(before=after_the_second)]
            return [event async for event in AgentRun(given, given)._step(parts, is_first=True)]

        assert asyncio.run(run()) == [TextDelta("a"), TextDelta("\n\n"), TextDelta("b")]

    def test_ends_for_all_with_the_first_failure(self) -> None:
        waiting = Part(before=asyncio.Event().wait)
        with pytest.raises(BadGateway):
            self.step([Part(TextDelta("a"), fails=True), waiting])
        assert waiting.ended == "cancelled"

    def test_has_so_many_at_once(self) -> None:
        now, most = [0], [0]

        async def busy() -> None:
            now[0] += 1
            most[0] = max(most[0], now[0])
            for _ in range(5):
                await asyncio.sleep(0)
            now[0] -= 1

        parts = [Part(before=busy) for _ in range(9)]
        self.step(parts)
        assert most == [8]
        assert {each.ended for each in parts} == {"worked"}
