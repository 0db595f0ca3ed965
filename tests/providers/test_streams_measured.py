"""What is counted of a stream while it is read, and what its ends and failures are called."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from echo.providers import streams
from echo.providers.chat import (
    AudioDelta,
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from echo.providers.failures import ProviderFailure, unusable
from echo.providers.sse import ServerEvent
from echo.providers.streams import Measure, Reading, read_answer


class Pieces:
    """A body of these pieces; notes which reads said that the end was near."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)
        self.endings: list[bool] = []

    async def read(self, *, ending: bool = False) -> bytes:
        self.endings.append(ending)
        return self._pieces.pop(0) if self._pieces else b""


class Told(Reading):
    """Says of each event what a table has for its data; `end` says why, and an exception is raised."""

    def __init__(self, table: dict[bytes, Any], held: Sequence[Event] = ()) -> None:
        super().__init__()
        self._table = table
        self._held = held

    def read(self, event: ServerEvent) -> Sequence[Event]:
        said = self._table[event.data]
        if isinstance(said, Exception):
            raise said
        if isinstance(said, str):
            self.ended(said, KNOWN)
            return ()
        return [said]

    def end(self) -> Sequence[Event]:
        return self._held


KNOWN: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tools": "tool_calls",
    "filter": "content_filter",
}
CALL = ToolCallDelta(0, "c", "f", "{}")
BARE = ToolCallDelta(1, "d", "g", " ")


def read(*said: Any, held: Sequence[Event] = (), tools: bool = False, **of_reader: Any) -> list[Event]:
    """The events of an answer in which this is said."""
    table = {str(number).encode(): each for number, each in enumerate(said) if each is not None}
    pieces = [
        b"data: %d\n\n" % number if each is not None else b"data: [DONE]\n\n"
        for number, each in enumerate(said)
    ]
    reader = Told(table, held)
    for name, value in of_reader.items():
        setattr(reader, name, value)

    async def run() -> list[Event]:
        return [event async for event in read_answer(Pieces(*pieces), reader, tools=tools)]  # type: ignore[arg-type]

    return asyncio.run(run())


def failure(*said: Any, **more: Any) -> tuple[str, bool]:
    with pytest.raises(ProviderFailure) as failed:
        read(*said, **more)
    return failed.value.kind, failed.value.transient


class TestEnd:
    def test_tells_why_with_the_other_answers_and_the_text_that_was_stopped_at(self) -> None:
        said = read(TextDelta("a"), "stop", others=("length",), stop_sequence="###")
        assert said == [TextDelta("a"), Finished("stop", ("length",), "###")]

    def test_that_nobody_has_told_is_a_failure_that_may_pass(self) -> None:
        assert failure(TextDelta("a")) == ("early_end", True)
        assert failure() == ("early_end", True)

    def test_by_a_mark_alone_is_one_of_another_kind(self) -> None:
        assert read(TextDelta("a"), None) == [TextDelta("a"), Finished("other")]

    def test_comes_with_what_was_held_back(self) -> None:
        assert read("stop", held=[TextDelta("b")]) == [TextDelta("b"), Finished("stop")]

    def test_that_a_failure_follows_is_an_end(self) -> None:
        assert read(TextDelta("a"), "length", unusable("odd")) == [TextDelta("a"), Finished("length")]
        assert failure(TextDelta("a"), unusable("odd"), "stop") == ("odd", False)

    def test_is_near_once_the_model_has_ended(self) -> None:
        body, reader = Pieces(b"data: a\n\n", b"data: b\n\n"), Told({b"a": TextDelta("a"), b"b": "stop"})

        async def run() -> None:
            async for _ in read_answer(body, reader):  # type: ignore[arg-type]
                pass

        asyncio.run(run())
        assert body.endings == [False, False, True]

    @pytest.mark.parametrize(
        ("told", "calls", "reason"),
        [
            ("stop", True, "tool_calls"),
            ("of_tomorrow", True, "tool_calls"),
            ("tools", True, "tool_calls"),
            ("length", True, "length"),
            ("filter", True, "content_filter"),
            ("stop", False, "stop"),
            ("tools", False, "other"),
            ("of_tomorrow", False, "other"),
        ],
    )
    def test_is_a_call_where_tools_were_called(self, told: str, calls: bool, reason: FinishReason) -> None:
        said = read(TextDelta("a"), *[CALL] * calls, told, tools=True)
        assert said[-1] == Finished(reason)


class TestAnswer:
    @pytest.mark.parametrize(
        "said", [TextDelta("a"), RefusalDelta("a"), AudioDelta(data="AAAA"), CALL], ids=repr
    )
    def test_is_one_where_something_was_said(self, said: Event) -> None:
        assert read(said, "filter", tools=True) == [said, Finished("content_filter")]

    @pytest.mark.parametrize(
        "said",
        [
            TextDelta(" \n"),
            RefusalDelta(" "),
            AudioDelta(transcript="a"),
            ReasoningDelta("a"),
            Usage(1, 1),
            CALL,
        ],
        ids=repr,
    )
    def test_is_none_where_nothing_was(self, said: Event) -> None:
        assert failure(said, "filter") == ("filter", False)

    def test_that_is_empty_may_have_ended_well(self) -> None:
        assert read("stop") == [Finished("stop")]
        assert read("length") == [Finished("length")]
        assert failure("stop", called=True) == ("stop", False)
        assert failure("stop", called=True, tools=True) == ("stop", True)
        assert failure(None) == ("no_answer", True)


class TestCalls:
    def test_are_passed_over_where_no_tools_were_offered(self) -> None:
        assert read(CALL, TextDelta("a"), BARE, "stop") == [TextDelta("a"), Finished("stop")]

    def test_without_arguments_have_empty_ones_at_the_end(self) -> None:
        other = ToolCallDelta(1, "e", "g", choice=2)
        argued = [ToolCallDelta(1, arguments="{", choice=2), ToolCallDelta(1, arguments=" ", choice=2)]
        pieces = [CALL, BARE, other, *argued, ToolCallDelta(0, "h", "f", choice=2)]
        assert read(*pieces, "stop", tools=True) == [
            *pieces,
            ToolCallDelta(1, arguments="{}"),
            ToolCallDelta(0, arguments="{}", choice=2),
            Finished("tool_calls"),
        ]


class TestSize:
    @pytest.mark.parametrize(
        "piece",
        [
            TextDelta("12345"),
            ReasoningDelta("12345"),
            RefusalDelta("12345"),
            ToolCallDelta(0, arguments="12345"),
            AudioDelta(transcript="12345"),
        ],
        ids=repr,
    )
    def test_of_all_text_is_limited_to_the_character(
        self, monkeypatch: pytest.MonkeyPatch, piece: Event
    ) -> None:
        monkeypatch.setattr(streams, "MAX_TEXT_CHARS", 10)
        measure = Measure()
        for _ in range(2):
            measure.take(piece)
        measure.check()
        measure.take(TextDelta("1"))
        with pytest.raises(ProviderFailure) as failed:
            measure.check()
        assert (failed.value.kind, failed.value.transient) == ("too_large", False)

    def test_of_what_is_spoken_is_limited_to_the_character(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "MAX_SPOKEN_CHARS", 8)
        measure = Measure()
        for _ in range(2):
            measure.take(AudioDelta(data="AAAA"))
        measure.check()
        measure.take(AudioDelta(data="A"))
        with pytest.raises(ProviderFailure) as failed:
            measure.check()
        assert failed.value.kind == "too_large"

    def test_of_a_line_is_limited(self) -> None:
        async def run() -> None:
            async for _ in read_answer(Pieces(b"x" * 9 * 1024**2), Told({})):  # type: ignore[arg-type]
                pass

        with pytest.raises(ProviderFailure) as failed:
            asyncio.run(run())
        assert (failed.value.kind, failed.value.transient) == ("too_large", False)


class TestParts:
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "MAX_PARTS", 3)

    def test_begin_with_another_kind_or_another_call(self) -> None:
        for last in (TextDelta("b"), ToolCallDelta(1, "d", "g"), ReasoningDelta("b")):
            said = [
                TextDelta("a"),
                TextDelta("a"),
                ReasoningDelta("a"),
                CALL,
                ToolCallDelta(0, arguments="1"),
            ]
            measure = Measure()
            for each in said:
                measure.take(each)
            with pytest.raises(ProviderFailure) as failed:
                measure.take(last)
            assert (failed.value.kind, failed.value.transient) == ("too_many_parts", False)

    def test_are_those_of_each_answer(self) -> None:
        """Pieces of several answers come in turns."""
        measure = Measure()
        for _ in range(5):
            measure.take(TextDelta("a", 0))
            measure.take(ReasoningDelta("a", 1))
        measure.take(TextDelta("a", 1))
        with pytest.raises(ProviderFailure):
            measure.take(ReasoningDelta("a", 1))

    def test_are_not_begun_by_what_is_none(self) -> None:
        measure = Measure()
        for _ in range(9):
            measure.take(TextDelta("a"))
            measure.take(Usage(1, 1))
            measure.take(AudioDelta(data="AAAA"))
        measure.check()


class TestReading:
    def test_begins_with_nothing(self) -> None:
        reading = Reading()
        assert (reading.finish, reading.others, reading.reason, reading.stop_sequence) == (None, (), "", None)
        assert (reading.called, reading.done, reading.end()) == (False, False, ())

    def test_keeps_the_last_reason(self) -> None:
        reading = Reading()
        for reason in ("length", "stop", "", None, 7):
            reading.ended(reason, KNOWN)
        assert (reading.finish, reading.reason) == ("stop", "stop")

    def test_says_the_reasoning_first(self) -> None:
        said = Reading().said("text", "reasoning", refusal="refusal", choice=2)
        assert said == [ReasoningDelta("reasoning", 2), TextDelta("text", 2), RefusalDelta("refusal", 2)]
        assert Reading().said() == []

    def test_keeps_half_a_character_for_its_own_other_half(self) -> None:
        reading, high, low = Reading(), "\ud83d", "\ude00"
        assert reading.said(high, high, refusal=high) == []
        assert reading.said(high, high, refusal=high, choice=1) == []
        assert reading.argued(0, high) == reading.argued(1, high) == reading.argued(0, high, 1) == []
        assert reading.said(low) == [TextDelta("😀")]
        assert reading.said(low, choice=1) == [TextDelta("😀", 1)]
        assert reading.said("", low) == [ReasoningDelta("😀")]
        assert reading.said("", low, choice=1) == [ReasoningDelta("😀", 1)]
        assert reading.said(refusal=low) == [RefusalDelta("😀")]
        assert reading.said(refusal=low, choice=1) == [RefusalDelta("😀", 1)]
        assert reading.argued(0, low) == [ToolCallDelta(0, arguments="😀")]
        assert reading.argued(1, low) == [ToolCallDelta(1, arguments="😀")]
        assert reading.argued(0, low, 1) == [ToolCallDelta(0, arguments="😀", choice=1)]
