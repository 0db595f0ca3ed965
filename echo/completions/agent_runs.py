"""One answer of an agent under `/v1`, and of all who take part in it: what a program is told, in one text."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from echo.chat.bench import Kit
from echo.chat.equipping import counted
from echo.chat.prepared import Asking
from echo.chat.present import Present
from echo.chat.relay import Leg, Relay
from echo.chat.subagents import readied
from echo.chat.summaries import summary_turn
from echo.chat.summing import summarised
from echo.chat.teams import MOST_AT_ONCE
from echo.completions.purse import Purse
from echo.providers.chat import (
    Cited,
    Event,
    Finished,
    Logprobs,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Turn,
)
from echo.tools.loop import Looped, ToolLoop, always
from echo.tools.loop_events import LoopEvent, RoundEnded, Stopped

# What a program is told; not what only the model itself could be given back.
SAID = (TextDelta, ReasoningDelta, RefusalDelta, Cited, Logprobs)
# Between the texts of two agents.
APART = TextDelta("\n\n")


@dataclass
class Working:
    """One agent's part: the host of its loop, and what the program is told of it.

    `queue` takes the events, and None at the end.
    """

    kit: Kit
    purse: Purse
    asking: Asking
    leg: Leg | None = None
    added: Sequence[Turn] = ()
    queue: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    _present: Present = field(default_factory=lambda: Present(0))

    async def count(self, text: str) -> int:
        """For the loop: the tokens of a text."""
        return await self.kit.count(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        """For the loop: what the next request may come to is held."""
        self._present.tokens = tokens
        return await self.kit.before_round(self.asking, tokens)

    async def summarise(self, turns: Sequence[Turn], used: int) -> Turn | None:
        """For the loop: what there is no room for any more as a summary, where the operator wants that."""
        how = self.asking.summarising
        summing = None if how is None else how.of(turns, used=used, window=self.asking.counts["window"])
        said = None if summing is None else await summarised(summing, self.kit, self.purse.note)
        return None if said is None else summary_turn(said)

    async def work(self, *, is_first: bool) -> None:
        """The part to its end; raises what asking raises."""
        try:
            looped = await self._looped(is_first=is_first)
            await self.before_round(looped.tokens)
            loop = ToolLoop(looped, self.asking.limits, self)
            async with aclosing(loop.events()) as events:
                async for event in events:
                    self._take(event)
            self.added = loop.added
        finally:
            if self._present.is_broken_off:
                self.purse.note(self.asking, await self._present.used(self.count))
            self.kit.ended(self.asking)
            self.queue.put_nowait(None)

    async def _looped(self, *, is_first: bool) -> Looped:
        kit = self.kit
        asking = self.asking if is_first else await counted(self.asking, kit.count)
        looped, self.asking = await readied(asking, self.leg, kit, self.purse.note)
        return replace(looped, halted=always) if self.asking.ends_after_tools else looped

    def _take(self, event: LoopEvent) -> None:
        self._present.take(event)
        if isinstance(event, RoundEnded):
            self._present.is_asking = False
            self.purse.note(self.asking, event.usage)
            self.queue.put_nowait(self.purse.used)
        elif isinstance(event, Stopped):
            self.queue.put_nowait(Finished("length"))
        elif isinstance(event, Finished) or (isinstance(event, SAID) and not self._is_hidden):
            self.queue.put_nowait(event)

    @property
    def _is_hidden(self) -> bool:
        return self.leg is not None and self.leg.is_hidden


class AgentRun:
    """One answer; belongs to the event loop."""

    def __init__(self, kit: Kit, purse: Purse) -> None:
        self._kit = kit
        self._purse = purse
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._finished = Finished("other")
        self._has_spoken = False

    async def events(self, asking: Asking) -> AsyncGenerator[Event, None]:
        """What is said, one agent after the other; of those who work at the same time in their order."""
        if asking.team is None:
            workings = [Working(self._kit, self._purse, asking)]
            async with aclosing(self._step(workings, is_first=True)) as events:
                async for event in events:
                    yield event
        else:
            async with aclosing(self._relayed(Relay(asking.team))) as events:
                async for event in events:
                    yield event
        yield self._finished

    async def _relayed(self, relay: Relay) -> AsyncGenerator[Event, None]:
        while legs := relay.next():
            workings = [Working(self._kit, self._purse, leg.asking, leg) for leg in legs]
            is_first = relay.legs == len(legs)
            async with aclosing(self._step(workings, is_first=is_first)) as events:
                async for event in events:
                    yield event
            relay.ended([(leg, working.added) for leg, working in zip(legs, workings, strict=True)])

    async def _step(self, workings: Sequence[Working], *, is_first: bool) -> AsyncGenerator[Event, None]:
        """Those who work at the same time; the first failure ends the others."""

        async def work(working: Working) -> None:
            async with self._at_once:
                await working.work(is_first=is_first)

        tasks = [asyncio.ensure_future(work(each)) for each in workings]
        try:
            for working, task in zip(workings, tasks, strict=True):
                begins = self._has_spoken
                while (event := await working.queue.get()) is not None:
                    if isinstance(event, Finished):
                        self._finished = event
                        continue
                    if begins and isinstance(event, TextDelta):
                        begins = False
                        yield APART
                    self._has_spoken = self._has_spoken or isinstance(event, TextDelta)
                    yield event
                await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
