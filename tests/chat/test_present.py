"""What the request that a model works on now has used."""

import asyncio

import pytest

from echo.chat.present import Present
from echo.providers.chat import Finished, ReasoningDelta, RefusalDelta, TextDelta, Usage
from echo.tools.loop_events import CallPiece, LoopEvent, RoundBegun, RoundEnded


async def count(text: str) -> int:
    return len(text)


def present(*events: LoopEvent) -> Present:
    made = Present(31)
    for event in events:
        made.take(event)
    return made


def used(*events: LoopEvent) -> Usage:
    return asyncio.run(present(*events).used(count))


@pytest.mark.parametrize(
    "event", [TextDelta("four"), RefusalDelta("four"), ReasoningDelta("four"), CallPiece("step", "four")]
)
def test_all_that_is_said_is_written_and_paid_for(event: LoopEvent) -> None:
    assert used(event, event) == Usage(31, 8)


def test_what_was_told_at_the_end_holds() -> None:
    assert used(TextDelta("four"), Usage(30, 2), Finished("stop")) == Usage(30, 2)


def test_a_request_that_was_broken_off_wrote_no_less_than_it_said() -> None:
    assert used(TextDelta("four"), Usage(30, 1, cached_tokens=3)) == Usage(30, 4, cached_tokens=3)
    assert used(TextDelta("four"), Usage(30, 9)) == Usage(30, 9)


def test_an_end_without_figures_is_counted() -> None:
    assert used(TextDelta("four"), Finished("stop")) == Usage(31, 4)


def test_the_next_request_begins_with_nothing() -> None:
    made = present(TextDelta("four"), Usage(30, 9), Finished("stop"), RoundBegun(2))
    assert (made.said, made.usage, made.is_asking, made.has_ended) == ([], None, True, False)


def test_a_round_says_what_it_used() -> None:
    made = present(RoundBegun(2), RoundEnded(2, Usage(5, 6), "stop", 0))
    assert made.usage == Usage(5, 6)
    assert present().is_asking is False


def test_it_is_broken_off_once_it_has_come_to_something_and_nobody_has_noted_it() -> None:
    assert not present(RoundBegun(2)).is_broken_off
    assert not present(TextDelta("four")).is_broken_off
    assert present(RoundBegun(2), TextDelta("four")).is_broken_off
    assert present(RoundBegun(2), Usage(1, 1)).is_broken_off
