"""The loop in which a model uses tools: it asks, they answer, and it is asked again, until it has ended.

The loop knows no chats and no events of theirs: chats and `/v1` both read it. It runs on the event loop and holds no
thread; closing its iterator ends the provider's work and the calls under way.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count as numbers
from typing import Protocol

from echo.providers.chat import ChatProvider, ChatRequest, Credentials, ToolCallDelta, ToolResult, Turn, Usage
from echo.tools.calling import Calling, Numbered, failed
from echo.tools.limits import LoopLimits
from echo.tools.loop_events import CallDone, LoopEvent, RoundBegun, RoundEnded, Stopped
from echo.tools.room import made_room, tokens_of
from echo.tools.rounds import Round
from echo.tools.tool import RunTool

STEPS = "The limit of {steps} steps is reached, and the model had not ended."
REPEATS = "The model called the same tools in the same way again and again, and was stopped."
SIZE = "The answer has become too large, and the model was stopped."
ARGUMENTS = "The arguments of a call have become too large, and the model was stopped."
EVENTS = "The answer has come in too many pieces, and the model was stopped."


class Host(Protocol):
    """For whom a loop works."""

    async def count(self, text: str) -> int:
        """The tokens of a text."""

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        """Called before each round but the first, whose request has about so many tokens.

        What was said meanwhile is put before the model. What this raises ends the loop.
        """

    async def summarise(self, turns: Sequence[Turn], used: int) -> Turn | None:
        """What stands for turns that there is no room for any more, of `used` tokens in all; None for nothing."""


def never() -> bool:
    """For a loop that no tool ends."""
    return False


def always() -> bool:
    """For a loop that ends as soon as tools have answered."""
    return True


@dataclass(frozen=True)
class Looped:
    """What a loop is about: the first request, without tools, and the tools.

    `tokens` are counted in the first request, tools included; a request has no more than `room`, None is no limit.
    When tools have answered, `halted` says whether one of them has ended the loop.
    """

    provider: ChatProvider = field(repr=False)
    request: ChatRequest = field(repr=False)
    credentials: Credentials | None
    tools: Sequence[RunTool] = ()
    tokens: int = 0
    room: int | None = None
    halted: Callable[[], bool] = never


class ToolLoop:
    """One loop. `turns` are those of the next request: at the end everything that was said and called."""

    def __init__(self, looped: Looped, limits: LoopLimits, host: Host) -> None:
        self.turns: list[Turn] = list(looped.request.turns)
        self.tokens = looped.tokens
        self._looped = looped
        self._limits = limits
        self._host = host
        self._calling = Calling(looped.tools, limits)
        self._ids: set[str] = set()
        self._question = max(0, len(self.turns) - 1)
        self._left = limits.said_bytes
        self._is_summarised = False
        self._specs = tuple(tool.spec for tool in looped.tools)

    @property
    def added(self) -> Sequence[Turn]:
        """The turns of the loop's own, after those of the first request."""
        return self.turns[self._question + 1 :]

    async def events(self) -> AsyncGenerator[LoopEvent, None]:
        """The provider's events without those of calls, and what becomes of the calls.

        Raises what asking the provider raises, and what `before_round` does.
        """
        for number in numbers(1):
            yield RoundBegun(number)
            said = Round(self._ids, self._limits)
            async with aclosing(self._ask(said)) as events:
                async for event in events:
                    yield event
            usage = await self._usage(said)
            yield RoundEnded(number, usage, said.finish, len(said.calls))
            self.turns.append(said.turn)
            self._left -= said.size
            if not said.calls:
                return
            stop = stopped_by(said) or self._why_stop(2 * number)
            async with aclosing(self._called(said.calls, usage, stop)) as running:
                async for done in running:
                    yield done
            if self._looped.halted():
                return
            if (stop := stop or self._why_stop(2 * number + 1)) is not None:
                yield stop
                return
            await self._go_on()

    async def _ask(self, said: Round) -> AsyncGenerator[LoopEvent, None]:
        """One answer of the model, which goes into `said`."""
        request = replace(self._looped.request, turns=tuple(self.turns))
        if self._specs:
            request = replace(request, tools=self._specs)
        stream = self._looped.provider.stream(request, self._looped.credentials)
        async with aclosing(stream) as events:  # type: ignore[type-var]
            async for event in events:
                for told in said.take(event):
                    yield told
                if not isinstance(event, ToolCallDelta):
                    yield event
                if (stop := stopped_by(said)) is not None:
                    # Nobody reads on what would be too large; with calls it is told after them.
                    if not said.calls:
                        yield stop
                    return

    async def _usage(self, said: Round) -> Usage:
        """What the provider told of a round, or else what is counted."""
        return said.usage or Usage(self.tokens, await self._host.count(said.text))

    def _why_stop(self, step: int) -> Stopped | None:
        """Whether a bound is reached before this step, counted from 1."""
        if step > self._limits.steps:
            return Stopped("steps", STEPS.format(steps=self._limits.steps))
        if self._calling.refused >= self._limits.repeats:
            return Stopped("repeats", REPEATS)
        return Stopped("size", SIZE) if self._left < 0 else None

    async def _called(
        self, calls: Sequence[Numbered], usage: Usage, stop: Stopped | None
    ) -> AsyncGenerator[CallDone, None]:
        """The calls as they come to something; then the results are before the model, in the order of the calls."""
        results = dict[str, CallDone]()
        if stop is not None:
            refusal = failed(f"{stop.sentence} The tool was not called.")
            results = {step_id: CallDone(step_id, call, refusal) for step_id, call in calls}
            for done in results.values():
                yield done
        else:
            async with aclosing(self._calling.run(calls)) as running:
                async for done in running:
                    results[done.step_id] = done
                    yield done
        parts = [result_of(results[step_id]) for step_id, _ in calls]
        self.turns.append(Turn("tool", tuple(parts)))
        counted = await self._host.count("\n".join(part.text for part in parts))
        self.tokens = usage.input_tokens + usage.output_tokens + counted

    async def _go_on(self) -> None:
        """Ready the next request: within its room, with what was said meanwhile."""
        await self._fit()
        meanwhile = list(await self._host.before_round(self.tokens))
        if meanwhile:
            self.turns += meanwhile
            self.tokens += await self._host.count("\n".join(turn.text for turn in meanwhile))
            await self._fit()

    async def _fit(self) -> None:
        """Leave out what there is no room for; all turns before the question as soon as they can be summarised."""
        room = self._looped.room
        if room is None or self.tokens <= room:
            return
        # Of a summary none is made: it is all that is before the question then.
        before = [] if self._is_summarised else self.turns[: self._question]
        if before and (summary := await self._host.summarise(before, self.tokens)) is not None:
            self._is_summarised = True
            self.tokens += await self._host.count(summary.text) - sum(map(tokens_of, before))
            self.turns, self._question = [summary, *self.turns[self._question :]], 1
        if self.tokens > room:
            # A summary is left out as little as the question is.
            kept = self.turns[: self._question] if self._is_summarised else []
            rest, question = self.turns[len(kept) :], self._question - len(kept)
            left, question = made_room(rest, question, self.tokens - room)
            self.turns, self._question = [*kept, *left], question + len(kept)
            self.tokens = room


def stopped_by(said: Round) -> Stopped | None:
    """Why a model was not let speak on, if it was not."""
    if said.excess is None:
        return None
    return Stopped("size", ARGUMENTS if said.excess == "arguments" else EVENTS)


def result_of(done: CallDone) -> ToolResult:
    """What the model is told that a call came to."""
    return ToolResult(done.call.id, done.output.content, done.output.is_error, done.call.name)
