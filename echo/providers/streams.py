"""Reading an answer while it comes: from the pieces of a body to events, up to where the model has ended."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from echo.providers.chat import (
    AudioDelta,
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from echo.providers.constants import MAX_PARTS, MAX_SPOKEN_CHARS, MAX_TEXT_CHARS
from echo.providers.failures import ProviderFailure, unusable, without_answer
from echo.providers.reading import Joiner, finish_reason
from echo.providers.sse import EventParser, ServerEvent, TooLarge
from echo.providers.transport import Body
from echo.providers.whole import WholeBody

# OpenAI's mark of the end. Proxies add it to the streams of other providers as well, or in the place of theirs.
DONE = b"[DONE]"


class EventReader(Protocol):
    """Makes events of ours from one stream of a provider's.

    `finish` is why the model ended, once that was told, and `reason` the provider's own word for it; `called` says
    that the model asked for a tool, `done` that the stream has said that it is over. `others` are the reasons of
    further answers, where several were asked for, `stop_sequence` is the text that the model stopped at.
    """

    finish: FinishReason | None
    others: tuple[FinishReason, ...]
    reason: str
    stop_sequence: str | None
    called: bool
    done: bool

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """The events that one of the provider's holds; never `Finished`. Raises `ProviderFailure`."""

    def end(self) -> Sequence[Event]:
        """Called once, when the stream is over: what it has held back."""


class Reading:
    """What the readers of all dialects have in common: why the model ended, and text made whole again."""

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.others: tuple[FinishReason, ...] = ()
        self.reason = ""
        self.stop_sequence: str | None = None
        self.called = False
        self.done = False
        self._joiners: dict[object, Joiner] = {}

    def end(self) -> Sequence[Event]:
        """Nothing is held back."""
        return ()

    def ended(self, reason: Any, known: dict[str, FinishReason]) -> None:
        """Note why the model ended, if that was told; the last word counts."""
        if found := finish_reason(reason, known):
            self.finish, self.reason = found, reason

    def said(self, text: str = "", reasoning: str = "", *, refusal: str = "", choice: int = 0) -> list[Event]:
        """Events for a further piece of each, the reasoning first; none for what holds nothing yet."""
        events: list[Event] = []
        if reasoning and (whole := self._joined((choice, "reasoning"), reasoning)):
            events.append(ReasoningDelta(whole, choice))
        if text and (whole := self._joined((choice, "text"), text)):
            events.append(TextDelta(whole, choice))
        if refusal and (whole := self._joined((choice, "refusal"), refusal)):
            events.append(RefusalDelta(whole, choice))
        return events

    def argued(self, index: int, arguments: str, choice: int = 0) -> list[Event]:
        """The event for a further piece of a call's arguments; none for what holds nothing yet."""
        whole = self._joined((choice, index), arguments)
        return [ToolCallDelta(index, arguments=whole, choice=choice)] if whole else []

    def _joined(self, key: object, text: str) -> str:
        if (joiner := self._joiners.get(key)) is None:
            joiner = self._joiners[key] = Joiner()
        return joiner.join(text)


class Measure:
    """How much one stream has said; what is said too much, or in too many parts, raises `ProviderFailure`.

    `answered` says whether any text has not been blank, or a tool was called.
    """

    def __init__(self) -> None:
        self._left = MAX_TEXT_CHARS
        self._spoken = MAX_SPOKEN_CHARS
        self._parts = MAX_PARTS
        # By answer: where several were asked for, their pieces come in turns.
        self._kinds: dict[int, type[Event]] = {}
        self._argued: dict[tuple[int, int], bool] = {}
        self.answered = False

    @property
    def called(self) -> bool:
        """Whether a tool was called."""
        return bool(self._argued)

    def unargued(self) -> list[ToolCallDelta]:
        """What calls lack that have come without arguments: an object with nothing in it."""
        calls = (call for call, is_argued in self._argued.items() if not is_argued)
        return [ToolCallDelta(index, arguments="{}", choice=choice) for choice, index in calls]

    def take(self, event: Event) -> None:
        """Count an event, before it is passed on."""
        if isinstance(event, AudioDelta):
            self._spoken -= len(event.data)
            self._left -= len(event.transcript)
            self.answered = self.answered or bool(event.data)
        if not isinstance(event, TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta):
            return
        is_call, begins = isinstance(event, ToolCallDelta), self._kinds.get(event.choice) is not type(event)
        if isinstance(event, ToolCallDelta):
            said, begins = event.arguments, begins or event.name is not None
            call = event.choice, event.index
            self._argued[call] = self._argued.get(call, False) or bool(said.strip())
        else:
            said = event.text
        self._left -= len(said)
        if begins:
            self._kinds[event.choice] = type(event)
            self._parts -= 1
        if self._parts < 0:
            raise unusable("too_many_parts")
        is_words = isinstance(event, TextDelta | RefusalDelta) and not said.isspace()
        self.answered = self.answered or is_call or is_words

    def check(self) -> None:
        """Called after each piece of the body: what has come with it was still passed on."""
        if self._left < 0 or self._spoken < 0:
            raise unusable("too_large")


async def read_answer(
    body: Body | WholeBody, reader: EventReader, *, tools: bool = False
) -> AsyncGenerator[Event, None]:
    """The events of one answer, `Finished` the last. Raises `ProviderFailure`.

    `tools` says whether the model was offered any: where it was not, its calls are passed over.

    Nothing is read after the stream has said that it is over. Once the model has ended, nothing that comes after, and
    nothing that happens to the connection, takes the answer away again. An end without an answer is a failure, unless
    the model says that it had nothing to say, or no room to say it in.
    """
    measure = Measure()
    try:
        async with aclosing(_events(body, reader, measure, tools=tools)) as events:
            async for event in events:
                yield event
    except ProviderFailure:
        if reader.finish is None:
            raise
    left = reader.end()
    if reader.finish is None and not reader.done:
        raise unusable("early_end", transient=True)
    reader.finish = reader.finish or "other"
    for event in (*left, *measure.unargued()):
        measure.take(event)
        yield event
    if not measure.answered and (reader.called or reader.finish not in ("stop", "length")):
        raise without_answer(reader.finish, reader.reason, called=reader.called, tools=tools)
    yield Finished(_reason(reader.finish, called=measure.called), reader.others, reader.stop_sequence)


def _reason(told: FinishReason, *, called: bool) -> FinishReason:
    """Why the model ended: a call is an end of its own, which not every provider says, and some say without one."""
    if called and told in ("stop", "other"):
        return "tool_calls"
    return "other" if told == "tool_calls" and not called else told


async def _events(
    body: Body | WholeBody, reader: EventReader, measure: Measure, *, tools: bool
) -> AsyncGenerator[Event, None]:
    parser = EventParser()
    while not reader.done and (chunk := await body.read(ending=reader.finish is not None)):
        for received in _parsed(parser, chunk):
            for event in _read(reader, received):
                if isinstance(event, ToolCallDelta) and not tools:
                    continue
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
    return ()
