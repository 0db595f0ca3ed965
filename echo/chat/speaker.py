"""One agent, or a mere model, while it speaks: what it says goes into the transcript, part after part."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import singledispatchmethod
from typing import Any

from echo.chat import frames
from echo.chat.bench import Bench
from echo.chat.equipping import read_by
from echo.chat.prepared import Asking
from echo.chat.present import Present
from echo.chat.subagents import NoteRound
from echo.chat.summaries import summary_turn
from echo.chat.summing import told_summary
from echo.providers.chat import Finished, ReasoningDelta, RefusalDelta, TextDelta, Turn, Usage
from echo.tools.loop import Looped, ToolLoop
from echo.tools.loop_events import CallBegun, CallDone, CallPiece, RoundBegun, RoundEnded, Stopped

Json = dict[str, Any]


class Speaker:
    """Everything belongs to the event loop.

    `shown` is what its parts say of who gives them. `finish` is of the present request.
    """

    def __init__(
        self, asking: Asking, bench: Bench, note: NoteRound, shown: Mapping[str, Any], *, hidden: bool = False
    ) -> None:
        self.asking = asking
        self.finish: str | None = None
        self.is_working, self.has_spoken = False, False
        # Why it was not let go on.
        self.stopped: str | None = None
        self.present = Present(read_by(asking.counts))
        self._shown = shown
        self._hidden = hidden
        self._bench = bench
        self._note = note
        self._step: Json | None = None
        self._calls: dict[str, Json] = {}

    async def speak(self, looped: Looped, asking: Asking) -> Sequence[Turn]:
        """Ask, and take what comes, to the end; the turns that were added. Raises what asking raises."""
        self.asking = asking
        if asking.wanted.names:
            self.tell_context()
        loop = ToolLoop(looped, asking.limits, self)
        self.present.tokens, self.is_working = loop.tokens, True
        # Looked up once: each time would make a function anew.
        take = self._take
        try:
            async with aclosing(loop.events()) as events:
                async for event in events:
                    if type(event) is TextDelta:
                        # Nearly all are: to choose by a table takes as long as to take it.
                        self._say(event.text)
                    else:
                        take(event)
        finally:
            self.is_working = False
        return loop.added

    def tell_context(self) -> None:
        """Tell how much of the model's context the first request takes."""
        told = frames.context_usage(self._bench.answer_id, self.asking.agent_id, self.asking.counts)
        self._bench.transcript.add(frames.MESSAGE, told)

    async def count(self, text: str) -> int:
        """For the loop: the tokens of a text."""
        return await self._bench.count(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        """For the loop: see `Bench`."""
        self.present.tokens = tokens
        return await self._bench.before_round(self.asking, tokens)

    async def summarise(self, turns: Sequence[Turn], used: int) -> Turn | None:
        """For the loop: what there is no room for any more as a summary, where the operator wants that."""
        how = self.asking.summarising
        summing = None if how is None else how.of(turns, used=used, window=self.asking.counts["window"])
        if summing is None:
            return None
        self.close_text("completed")
        made = await told_summary(summing, self._bench, self._note, self.asking.agent_id, self._shown)
        return None if made is None else summary_turn(made[0])

    @singledispatchmethod
    def _take(self, event: Any) -> None:
        """Events that nobody who reads is told."""

    @_take.register
    def _(self, event: TextDelta | RefusalDelta) -> None:
        # People read a refusal as they read an answer.
        self._say(event.text)

    @_take.register
    def _(self, event: ReasoningDelta) -> None:
        self.present.said.append(event.text)
        self._extend(frames.THINK, event.text)

    @_take.register
    def _(self, event: Usage) -> None:
        self.present.take(event)

    @_take.register
    def _(self, event: Finished) -> None:
        self.present.take(event)
        self.finish = event.reason

    @_take.register
    def _(self, event: RoundBegun) -> None:
        self.present.take(event)
        self.finish, self.has_spoken = None, False

    @_take.register
    def _(self, event: RoundEnded) -> None:
        self.present.take(event)
        if event.calls:
            # The run tells the last one.
            self.end_round()

    @_take.register
    def _(self, event: CallBegun) -> None:
        self.close_text("completed")
        bench = self._bench
        self.has_spoken = True
        place = bench.number_part(frames.TOOL_CALL)
        opened = frames.call_step(event.step_id, bench.answer_id, place, event.id, event.name)
        self._calls[event.step_id] = {**opened["data"], **self._shown}
        bench.transcript.add(frames.MESSAGE, {**opened, "data": self._calls[event.step_id]})

    @_take.register
    def _(self, event: CallPiece) -> None:
        self.present.said.append(event.arguments)
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

    def end_round(self) -> None:
        """Note what the present request has used, if that is known and not yet noted."""
        if self.present.is_asking and self.present.usage is not None:
            self.present.is_asking = False
            self._note(self.asking, self.present.usage)

    def _say(self, text: str) -> None:
        self.present.said.append(text)
        self._extend(frames.TEXT, text)

    def _extend(self, kind: str, text: str) -> None:
        if not text:
            return
        self.has_spoken = True
        if self._hidden:
            return
        bench = self._bench
        if self._step is None or self._step["stepDetails"]["message_creation"]["content_type"] != kind:
            self.close_text("completed")
            step_id = f"step_{secrets.token_urlsafe(15)}"
            opened = frames.step(step_id, bench.answer_id, bench.number_part(kind), kind)
            self._step = {**opened["data"], **self._shown}
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
