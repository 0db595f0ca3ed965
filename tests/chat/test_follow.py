"""The bytes of a run's stream for one reader."""

import asyncio
from collections.abc import Iterable

import pytest

from echo.chat import frames
from echo.chat.follow import MOST_BYTES, Reading, follow
from echo.chat.transcript import Transcript
from tests.chat.test_transcript import ABOUT
from tests.support.streams import Event, parse, spoken

LONG = "wörd " * 100_000


async def read(transcript: Transcript, *, closing: bool = False, **reading: bool) -> list[bytes]:
    stops = asyncio.Event()
    if closing:
        stops.set()
    return [piece async for piece in follow(transcript, stops, Reading(**reading))]


def events(pieces: Iterable[bytes]) -> list[Event]:
    return list(parse(b"".join(pieces).decode().split("\n")))


class TestALongAnswer:
    @pytest.mark.parametrize("resume", [False, True])
    def test_is_handed_on_in_pieces_that_a_slow_reader_can_take(self, resume: bool) -> None:
        transcript = Transcript(ABOUT)
        transcript.extend("s", frames.TEXT, LONG)
        transcript.add(frames.ERROR, frames.failed("over", "x"))
        pieces = asyncio.run(read(transcript, resume=resume))
        assert max(map(len, pieces)) <= MOST_BYTES
        found = events(pieces)
        so_far = found[0].data["resumeState"]["aggregatedContent"][0]["text"] if resume else ""
        assert so_far + spoken(found) == LONG
        assert found[-1].kind == "error"


class TestTheEndOfAProcess:
    """LibreChat's client waits for ever after a stream that just ends, and shows an error in the answer's place."""

    @pytest.mark.parametrize(
        ("reconnects", "last"),
        [(False, frames.encode(frames.ERROR, frames.failed("gone", "interrupted"))), (True, frames.BROKEN)],
    )
    def test_that_ended_the_run_is_told(self, reconnects: bool, last: bytes) -> None:
        transcript = Transcript(ABOUT)
        transcript.extend("s", frames.TEXT, "said")
        transcript.add(frames.ERROR, frames.failed("gone", "interrupted"))
        pieces = b"".join(asyncio.run(read(transcript, reconnects=reconnects)))
        assert b"said" in pieces
        assert pieces.endswith(last)
        assert (b"gone" in pieces) is not reconnects

    @pytest.mark.parametrize(("reconnects", "last"), [(False, frames.COME_BACK), (True, frames.BROKEN)])
    def test_ends_the_stream_before_the_run(self, reconnects: bool, last: bytes) -> None:
        transcript = Transcript(ABOUT)
        transcript.extend("s", frames.TEXT, "said")
        assert asyncio.run(read(transcript, closing=True, reconnects=reconnects))[-1] == last

    def test_other_errors_are_told_in_either_case(self) -> None:
        transcript = Transcript(ABOUT)
        transcript.add(frames.ERROR, frames.failed("over", "x"))
        assert b"over" in b"".join(asyncio.run(read(transcript, reconnects=True)))
