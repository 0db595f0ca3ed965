"""One side of an answer: a model, an agent, or a team of agents who take turns or speak at the same time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from echo.chat import frames
from echo.chat.bench import Bench
from echo.chat.equipping import counted, read_by
from echo.chat.prepared import Asking
from echo.chat.relay import Leg, Relay
from echo.chat.speaker import Speaker
from echo.chat.subagents import all_of, readied
from echo.chat.summaries import with_summary
from echo.chat.summing import told_summary
from echo.chat.teams import MOST_AT_ONCE
from echo.errors import ApiError
from echo.providers.chat import Turn, Usage
from echo.tools.loop import always

Json = dict[str, Any]


class Voice:
    """One side of an answer; everything belongs to the event loop.

    `rounds` are the requests that have ended, with what they used, `speakers` those who speak now, or spoke last.
    """

    def __init__(self, asking: Asking, bench: Bench) -> None:
        self.rounds: list[tuple[Asking, Usage]] = []
        self.failure: ApiError | None = None
        self.was_asked = False
        self._first, self._group = asking.agent_id, asking.group
        self._bench = bench
        self._reading: asyncio.Task[None] | None = None
        self._stopped: str | None = None
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self.speakers = [Speaker(asking, bench, self._note_round, self.mark)]

    @property
    def asking(self) -> Asking:
        """What the first of those who speak is asked."""
        return self.speakers[0].asking

    @property
    def finish(self) -> str | None:
        """Why the last one has ended."""
        return self.speakers[-1].finish

    @property
    def lead(self) -> Asking | None:
        """What the first of those who still work is asked: whoever says something meanwhile says it to that one."""
        return next((each.asking for each in self.speakers if each.is_working), None)

    @property
    def mark(self) -> Json:
        """What tells its parts from those of other voices; nothing where it answers alone."""
        return {} if self._group is None else {"agentId": self._first, "groupId": self._group}

    def _shown(self, leg: Leg) -> Json:
        """What parts say of who gives them: of agents that answer together also which of them."""
        beside = {} if leg.group is None else {"groupId": leg.group}
        return self.mark or {"agentId": leg.agent_id, **beside}

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
        why = self._stopped or next((each.stopped for each in self.speakers if each.stopped), None)
        said = why if self.failure is None else self.failure.message
        return None if said is None else frames.error_part(said, self.mark)

    async def _read(self) -> None:
        asking = await self._summarise()
        if asking.team is None:
            await self._speak(self.speakers[0], asking, None)
            return
        relay = Relay(asking.team.told(asking.request.turns))
        while legs := relay.next():
            is_first = relay.legs == len(legs)
            self._change_speakers(legs, is_first=is_first)
            said = await all_of(
                self._leg(speaker, leg, is_first=is_first, is_held=is_first and leg is legs[0])
                for speaker, leg in zip(self.speakers, legs, strict=True)
            )
            relay.ended(list(zip(legs, said, strict=True)))

    def _change_speakers(self, legs: Sequence[Leg], *, is_first: bool) -> None:
        """Others speak now; readers are told where it is one who goes on."""
        for speaker in self.speakers:
            speaker.end_round()
            speaker.close_text("completed")
            self._stopped = self._stopped or speaker.stopped
        if len(legs) == 1 and not is_first:
            place = self._bench.number_part(frames.AGENT_UPDATE)
            told = frames.agent_update(self._bench.answer_id, place, legs[0].agent_id)
            self._bench.transcript.add(frames.MESSAGE, told)
        self.speakers = [
            Speaker(each.asking, self._bench, self._note_round, self._shown(each), hidden=each.is_hidden)
            for each in legs
        ]

    async def _leg(self, speaker: Speaker, leg: Leg, *, is_first: bool, is_held: bool) -> Sequence[Turn]:
        async with self._at_once:
            asking = leg.asking if is_first else await counted(leg.asking, self._bench.count)
            return await self._speak(speaker, asking, leg, is_held=is_held)

    async def _speak(
        self, speaker: Speaker, asking: Asking, leg: Leg | None, *, is_held: bool = True
    ) -> Sequence[Turn]:
        """One agent's part, or a model's whole answer; the turns that it has added.

        What the first of all requests may come to is held already.
        """
        bench = self._bench
        looped, asking = await readied(asking, leg, bench, self._note_round)
        if asking.ends_after_tools:
            looped = replace(looped, halted=always)
        speaker.asking, speaker.present.tokens = asking, looped.tokens
        if not is_held:
            await bench.before_round(asking, looped.tokens)
        self.was_asked = True
        return await speaker.speak(looped, asking)

    async def _summarise(self) -> Asking:
        """Have summarised what there is no room for; what is asked then, without a summary where that fails."""
        asking = self.asking
        summing = asking.summing
        if summing is None:
            return asking
        shown = self.mark if asking.team is None else self.mark or {"agentId": asking.agent_id}
        made = await told_summary(summing, self._bench, self._note_round, asking.agent_id, shown)
        if made is None:
            return asking if summing.before is None else self._after(summing.before, 0)
        return self._after(*made)

    def _after(self, summary: str, tokens: int) -> Asking:
        speaker, asking = self.speakers[0], self.asking
        request = replace(asking.request, turns=tuple(with_summary(asking.request.turns, summary)))
        counts = {**asking.counts, "messages": asking.counts["messages"] + tokens}
        speaker.asking = replace(asking, request=request, counts=counts, summing=None)
        speaker.present.tokens = read_by(counts)
        return speaker.asking

    def _note_round(self, asking: Asking, usage: Usage) -> None:
        self.was_asked = True
        self.rounds.append((asking, usage))
        self._bench.tell_usage(asking, usage)

    def close_text(self, status: str) -> None:
        """End the texts that it is in."""
        for each in self.speakers:
            each.close_text(status)

    def cancel_calls(self) -> None:
        """End the calls that have come to nothing yet."""
        for each in self.speakers:
            each.cancel_calls()
