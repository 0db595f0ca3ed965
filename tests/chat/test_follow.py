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


async def read(transcript: Transcript, *, resume: bool) -> list[bytes]:
    return [piece async for piece in follow(transcript, asyncio.Event(), Reading(resume=resume))]


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
