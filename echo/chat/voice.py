"""What one model says in a run, as it goes into the transcript: part after part, each with its beginning and end."""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import singledispatchmethod
from typing import Any

from echo.chat import frames
from echo.chat.bench import Bench
from echo.chat.equipping import counted, equipped, read_by
from echo.chat.prepared import Asking
from echo.chat.relay import Relay
from echo.chat.subagents import Delegation
from echo.chat.summaries import SUMMARY, part_of, summarised, with_summary
from echo.errors import ApiError
from echo.providers.chat import Finished, ReasoningDelta, RefusalDelta, TextDelta, Turn, Usage
from echo.tools.loop import ToolLoop, always
from echo.tools.loop_events import CallBegun, CallDone, CallPiece, RoundBegun, RoundEnded, Stopped
from echo.tools.results import whole_characters
from echo.tools.rounds import new_step_id

Json = dict[str, Any]


class Voice:
    """One model's side of an answer; everything belongs to the event loop.

    `rounds` are the requests that have ended, with what they used; `usage` and `finish` are of the present one.
    """

    def __init__(self, asking: Asking, bench: Bench) -> None:
        self.asking = asking
        self._first, self._group, self._in_team = asking.agent_id, asking.group, asking.team is not None
        # Whether readers get nothing of what is said now.
        self._hidden = False
        self.rounds: list[tuple[Asking, Usage]] = []
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.failure: ApiError | None = None
        # Why it was not let go on.
        self.stopped: str | None = None
        # Whether its model is being asked, and how many parts it had before.
        self.is_asking, self.was_asked, self.parts_before = False, False, 0
        # About how many the present request has.
        self.tokens = read_by(asking.counts)
        self._reading: asyncio.Task[None] | None = None
        self._bench = bench
        self._step: Json | None = None
        self._calls: dict[str, Json] = {}

    @property
    def mark(self) -> Json:
        """What tells its parts from those of other models; nothing where it answers alone."""
        return {} if self._group is None else {"agentId": self._first, "groupId": self._group}

    @property
    def shown(self) -> Json:
        """What its parts say of who gives them: of agents that answer together also which of them."""
        return {"agentId": self.asking.agent_id} if self._in_team and not self.mark else self.mark

    def begin(self) -> asyncio.Task[None]:
        """Ask, and take what comes, to the end; the task raises what asking raises."""
        self._reading = asyncio.ensure_future(self._read())
        return self._reading

    def stop(self) -> None:
        """Take no more."""
        if self._reading is not None:
            self._reading.cancel()

    def error_part(self) -> Json | None:
        """What stands in the answer for what it failed to say; None where it did not fail."""
        said = self.stopped if self.failure is None else self.failure.message
        return None if said is None else frames.error_part(said, self.mark)

    def parts(self) -> list[Json]:
        """What it has said so far."""
        return [part for part in self._bench.transcript.said() if self.mark.items() <= part.items()]

    async def _read(self) -> None:
        await self._summarise()
        team = None if self.asking.team is None else self.asking.team.told(self.asking.request.turns)
        if team is None:
            await self._leg(self.asking, None)
            return
        relay = Relay(team, self.asking.agent_id)
        while (leg := relay.next()) is not None:
            if relay.legs > 1:
                if self.is_asking and self.usage is not None:
                    self._end_round(self.usage)
                self._tell_agent(leg.agent_id)
            self._hidden = relay.is_hidden
            relay.ended(await self._leg(leg, relay))

    async def _leg(self, asking: Asking, relay: Relay | None) -> Sequence[Turn]:
        """One agent's part, or a model's whole answer; the turns that it has added."""
        bench = self._bench
        if relay is not None and relay.legs > 1:
            asking = await counted(asking, bench.count)
        looped, self.asking = await equipped(asking, bench.sources, bench.place, bench.count)
        if self.asking.subagents:
            delegation = Delegation(self.asking.subagents, bench, self._note_round)
            looped = replace(looped, tools=(*looped.tools, delegation.tool))
        if relay is not None:
            looped = relay.joined(looped)
        if self.asking.ends_after_tools:
            looped = replace(looped, halted=always)
        if self.asking.wanted.names:
            self.tell_context()
        loop = ToolLoop(looped, self.asking.limits, self)
        self.tokens = loop.tokens
        # Looked up once: each time would make a function anew.
        take = self._take
        async with aclosing(loop.events()) as events:
            async for event in events:
                take(event)
        return loop.added

    async def _summarise(self) -> None:
        """Have summarised what there is no room for, and go on with the summary; without one where that fails."""
        summing, bench = self.asking.summing, self._bench
        if summing is None:
            return
        text = await summarised(summing, self._note_round)
        if text is None:
            if summing.before is not None:
                self._go_on_after(summing.before, 0)
            return
        text = whole_characters(text)
        part = part_of(summing, text, await bench.count(text))
        step_id, asked = new_step_id(), summing.asking
        place = bench.number_part(SUMMARY)
        told = frames.summary_step(step_id, bench.answer_id, place, asked.request.model, asked.provider_name)
        step = {**told["data"], **self.shown}
        bench.transcript.add(frames.MESSAGE, {**told, "data": step})
        complete = frames.summary_complete(step_id, self.asking.agent_id, {**part, **self.shown})
        bench.transcript.add(frames.MESSAGE, complete)
        bench.transcript.add(frames.MESSAGE, frames.step_closed(step, "completed"))
        self._go_on_after(text, part["tokenCount"])

    def _go_on_after(self, summary: str, tokens: int) -> None:
        asking = self.asking
        request = replace(asking.request, turns=tuple(with_summary(asking.request.turns, summary)))
        counts = {**asking.counts, "messages": asking.counts["messages"] + tokens}
        self.asking = replace(asking, request=request, counts=counts, summing=None)
        self.tokens = read_by(counts)

    def _tell_agent(self, agent_id: str) -> None:
        """Tell that another agent goes on."""
        self.close_text("completed")
        place = self._bench.number_part(frames.AGENT_UPDATE)
        told = frames.agent_update(self._bench.answer_id, place, agent_id)
        self._bench.transcript.add(frames.MESSAGE, told)

    def tell_context(self) -> None:
        """Tell how much of the model's context the first request takes."""
        told = frames.context_usage(self._bench.answer_id, self.asking.agent_id, self.asking.counts)
        self._bench.transcript.add(frames.MESSAGE, told)

    async def count(self, text: str) -> int:
        """For the loop: the tokens of a text."""
        return await self._bench.count(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        """For the loop: see `Bench`."""
        self.tokens = tokens
        return await self._bench.before_round(self.asking)

    @singledispatchmethod
    def _take(self, event: Any) -> None:
        """Events that nobody who reads is told."""

    @_take.register
    def _(self, event: TextDelta | RefusalDelta) -> None:
        # People read a refusal as they read an answer.
        self._extend(frames.TEXT, event.text)

    @_take.register
    def _(self, event: ReasoningDelta) -> None:
        self._extend(frames.THINK, event.text)

    @_take.register
    def _(self, event: Usage) -> None:
        self.usage = event

    @_take.register
    def _(self, event: Finished) -> None:
        self.finish = event.reason

    @_take.register
    def _(self, event: RoundBegun) -> None:
        self.usage, self.finish, self.is_asking, self.was_asked = None, None, True, True
        if self.rounds:
            self.parts_before = len(self.parts())

    @_take.register
    def _(self, event: RoundEnded) -> None:
        if event.calls:
            self._end_round(event.usage)
        else:
            # The run tells the last one.
            self.usage = event.usage

    @_take.register
    def _(self, event: CallBegun) -> None:
        self.close_text("completed")
        bench = self._bench
        place = bench.number_part(frames.TOOL_CALL)
        opened = frames.call_step(event.step_id, bench.answer_id, place, event.id, event.name)
        self._calls[event.step_id] = {**opened["data"], **self.shown}
        bench.transcript.add(frames.MESSAGE, {**opened, "data": self._calls[event.step_id]})

    @_take.register
    def _(self, event: CallPiece) -> None:
        self._bench.transcript.extend(event.step_id, frames.TOOL_CALL, event.arguments)

    @_take.register
    def _(self, event: CallDone) -> None:
        step = self._calls.pop(event.step_id)
        transcript = self._bench.transcript
        transcript.add(frames.MESSAGE, frames.call_completed(step, event.call.arguments, event.text))
        status = "failed" if event.output.is_error else "completed"
        transcript.add(frames.MESSAGE, frames.step_closed(step, status))
        for attachment in event.output.attachments:
            self._bench.attach(event.call.id, attachment)

    @_take.register
    def _(self, event: Stopped) -> None:
        self.stopped = event.sentence

    def _end_round(self, usage: Usage) -> None:
        self.is_asking = False
        self._note_round(self.asking, usage)

    def _note_round(self, asking: Asking, usage: Usage) -> None:
        self.was_asked = True
        self.rounds.append((asking, usage))
        self._bench.tell_usage(asking, usage)

    def _extend(self, kind: str, text: str) -> None:
        if not text or self._hidden:
            return
        bench = self._bench
        if self._step is None or self._step["stepDetails"]["message_creation"]["content_type"] != kind:
            self.close_text("completed")
            step_id = f"step_{secrets.token_urlsafe(15)}"
            opened = frames.step(step_id, bench.answer_id, bench.number_part(kind), kind)
            self._step = {**opened["data"], **self.shown}
            bench.transcript.add(frames.MESSAGE, {**opened, "data": self._step})
        bench.transcript.extend(self._step["id"], kind, text)

    def close_text(self, status: str) -> None:
        """End the text that it is in, if it is in one."""
        if self._step is not None:
            self._bench.transcript.add(frames.MESSAGE, frames.step_closed(self._step, status))
            self._step = None

    def cancel_calls(self) -> None:
        """End the calls that have come to nothing yet."""
        while self._calls:
            _, step = self._calls.popitem()
            self._bench.transcript.add(frames.MESSAGE, frames.step_closed(step, "cancelled"))
