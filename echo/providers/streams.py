"""Reading an answer while it comes: from the pieces of a body to events, up to where the model has ended."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from echo.providers.chat import Event, Finished, FinishReason, ReasoningDelta, TextDelta
from echo.providers.constants import MAX_PARTS, MAX_TEXT_CHARS
from echo.providers.failures import ProviderFailure, unusable, without_answer
from echo.providers.reading import Joiner, finish_reason
from echo.providers.sse import EventParser, ServerEvent, TooLarge
from echo.providers.transport import Body

# OpenAI's mark of the end. Proxies add it to the streams of other providers as well, or in the place of theirs.
DONE = b"[DONE]"


class EventReader(Protocol):
    """Makes events of ours from one stream of a provider's.

    `finish` is why the model ended, once that was told, and `reason` the provider's own word for it; `called` says
    that the model asked for a tool, `done` that the stream has said that it is over.
    """

    finish: FinishReason | None
    reason: str
    called: bool
    done: bool

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """The events that one of the provider's holds; never `Finished`. Raises `ProviderFailure`."""


class Reading:
    """What the readers of all dialects have in common: why the model ended, and text made whole again."""

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.reason = ""
        self.called = False
        self.done = False
        self._text = Joiner()
        self._reasoning = Joiner()

    def ended(self, reason: Any, known: dict[str, FinishReason]) -> None:
        """Note why the model ended, if that was told; the last word counts."""
        if found := finish_reason(reason, known):
            self.finish, self.reason = found, reason

    def said(self, text: str = "", reasoning: str = "") -> list[Event]:
        """Events for a further piece of each, the reasoning first; none for what holds nothing yet."""
        events: list[Event] = []
        if reasoning and (whole := self._reasoning.join(reasoning)):
            events.append(ReasoningDelta(whole))
        if text and (whole := self._text.join(text)):
            events.append(TextDelta(whole))
        return events


class Measure:
    """How much one stream has said; what is said too much, or in too many parts, raises `ProviderFailure`."""

    def __init__(self) -> None:
        self._left = MAX_TEXT_CHARS
        self._parts = MAX_PARTS
        self._kind: type[Event] | None = None
        self.answered = False

    def take(self, event: Event) -> None:
        """Count an event, before it is passed on; `answered` says whether any text has not been blank."""
        if not isinstance(event, TextDelta | ReasoningDelta):
            return
        self._left -= len(event.text)
        if type(event) is not self._kind:
            self._kind = type(event)
            self._parts -= 1
        if self._parts < 0:
            raise unusable("too_many_parts")
        self.answered = self.answered or (isinstance(event, TextDelta) and not event.text.isspace())

    def check(self) -> None:
        """Called after each piece of the body: what has come with it was still passed on."""
        if self._left < 0:
            raise unusable("too_large")


async def read_answer(body: Body, reader: EventReader) -> AsyncGenerator[Event, None]:
    """The events of one answer, `Finished` the last. Raises `ProviderFailure`.

    Nothing is read after the stream has said that it is over. Once the model has ended, nothing that comes after, and
    nothing that happens to the connection, takes the answer away again. An end without an answer is a failure, unless
    the model says that it had nothing to say, or no room to say it in.
    """
    measure = Measure()
    try:
        async with aclosing(_events(body, reader, measure)) as events:
            async for event in events:
                yield event
    except ProviderFailure:
        if reader.finish is None:
            raise
    if reader.finish is None:
        raise unusable("early_end", transient=True)
    if not measure.answered and (reader.called or reader.finish not in ("stop", "length")):
        raise without_answer(reader.finish, reader.reason, called=reader.called)
    yield Finished(reader.finish)


async def _events(body: Body, reader: EventReader, measure: Measure) -> AsyncGenerator[Event, None]:
    parser = EventParser()
    while not reader.done and (chunk := await body.read(ending=reader.finish is not None)):
        for received in _parsed(parser, chunk):
            for event in _read(reader, received):
                measure.take(event)
                yield event
            if reader.done:
                break
        measure.check()


def _parsed(parser: EventParser, chunk: bytes) -> list[ServerEvent]:
    try:
        return parser.feed(chunk)
    except TooLarge:
        raise unusable("too_large") from None


def _read(reader: EventReader, received: ServerEvent) -> Sequence[Event]:
    if received.data.strip() != DONE:
        return reader.read(received)
    reader.done = True
    reader.finish = reader.finish or "other"
    return ()
