"""The request that a model works on now: what it has said of the answer, and what that has used."""

from dataclasses import dataclass, field, replace

from echo.chat.equipping import Count
from echo.providers.chat import Finished, ReasoningDelta, RefusalDelta, TextDelta, Usage
from echo.tools.loop_events import CallPiece, LoopEvent, RoundBegun, RoundEnded


@dataclass
class Present:
    """Takes the events of a loop. `tokens` are about those of the request.

    `usage` is what the provider has told, `said` all that is paid for as written. `is_asking` from the beginning of
    a request until somebody has noted what it used, who says so here.
    """

    tokens: int
    said: list[str] = field(default_factory=list)
    usage: Usage | None = None
    is_asking: bool = False
    has_ended: bool = False

    def take(self, event: LoopEvent) -> None:
        """Add an event."""
        if isinstance(event, TextDelta | RefusalDelta | ReasoningDelta):
            self.said.append(event.text)
        elif isinstance(event, CallPiece):
            self.said.append(event.arguments)
        elif isinstance(event, Usage):
            self.usage = event
        elif isinstance(event, RoundBegun):
            self.said, self.usage, self.is_asking, self.has_ended = [], None, True, False
        elif isinstance(event, Finished):
            self.has_ended = True
        elif isinstance(event, RoundEnded):
            self.usage = event.usage

    @property
    def is_broken_off(self) -> bool:
        """Whether the request has come to something, and nobody has noted what it used."""
        return self.is_asking and bool(self.said or self.usage)

    async def used(self, count: Count) -> Usage:
        """What the request has used as far as it came: what was told, of a broken one no less than what was said."""
        if self.usage is not None and self.has_ended:
            return self.usage
        written = await count("".join(self.said))
        told = self.usage or Usage(self.tokens, 0)
        return replace(told, output_tokens=max(told.output_tokens, written))
