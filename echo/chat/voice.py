"""What one model says in a run, as it goes into the transcript: part after part, each with its beginning and end."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from echo.chat import frames
from echo.chat.prepared import Asking
from echo.chat.transcript import Transcript
from echo.errors import ApiError
from echo.providers.chat import Event, Finished, ReasoningDelta, RefusalDelta, TextDelta, Usage

Json = dict[str, Any]


class Voice:
    """One model's side of an answer; everything belongs to the event loop.

    `number_part` gives the place of a new part of this kind in the answer, which other models may have parts of too.
    """

    def __init__(
        self, asking: Asking, answer_id: str, transcript: Transcript, number_part: Callable[[str], int]
    ) -> None:
        self.asking = asking
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.failure: ApiError | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answer_id = answer_id
        self._transcript = transcript
        self._number_part = number_part
        self._step: Json | None = None

    @property
    def shown(self) -> Json:
        """What tells its parts from those of other models; nothing where it answers alone."""
        if self.asking.group is None:
            return {}
        return {"agentId": self.asking.agent_id, "groupId": self.asking.group}

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
        return None if self.failure is None else frames.error_part(self.failure.message, self.shown)

    async def _read(self) -> None:
        asking = self.asking
        async with aclosing(asking.provider.stream(asking.request, asking.credentials)) as events:  # type: ignore[type-var]
            async for event in events:
                self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, TextDelta | RefusalDelta):
            # People read a refusal as they read an answer.
            self._extend(frames.TEXT, event.text)
        elif isinstance(event, ReasoningDelta):
            self._extend(frames.THINK, event.text)
        elif isinstance(event, Usage):
            self.usage = event
        elif isinstance(event, Finished):
            self.finish = event.reason

    def _extend(self, kind: str, text: str) -> None:
        if not text:
            return
        if self._step is None or self._step["stepDetails"]["message_creation"]["content_type"] != kind:
            self.close("completed")
            opened = frames.step(
                f"step_{secrets.token_urlsafe(15)}", self._answer_id, self._number_part(kind), kind
            )
            self._step = {**opened["data"], **self.shown}
            self._transcript.add(frames.MESSAGE, {**opened, "data": self._step})
        self._transcript.extend(self._step["id"], kind, text)

    def close(self, status: str) -> None:
        """End the part that it is in, if it is in one."""
        if self._step is not None:
            self._transcript.add(frames.MESSAGE, frames.step_closed(self._step, status))
            self._step = None
