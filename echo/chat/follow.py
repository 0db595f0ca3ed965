"""The bytes of a run's stream for one reader."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from echo.chat import frames
from echo.chat.transcript import BEGINNING, Frame, Transcript

KEEP_ALIVE_SECONDS = 15.0
# So much is handed to the server at a time: what a reader has not taken of it is held for each.
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Reading:
    """How someone reads: from the beginning, or with `resume` the state first.

    `protocol` is the version of LibreChat's that the reader speaks, `pending` what waits for the end of the run. With
    `reconnects` the reader is a client of LibreChat's: where the end of a process has ended the run it is told that
    the connection is broken. It comes back, finds no run any more, and reads what is stored. By an error it would put
    the error in the place of the answer.
    """

    resume: bool = False
    protocol: int = 1
    pending: Sequence[Mapping[str, Any]] = ()
    reconnects: bool = False

    def opening(self, transcript: Transcript) -> Frame:
        """The state of a run."""
        state = transcript.state()
        return Frame(
            frames.MESSAGE, frames.sync({**state, "pendingSteers": self.pending} if self.pending else state)
        )

    def spoken(self, frame: Frame) -> Frame:
        """An event in the reader's protocol: the last one tells which that is."""
        if self.protocol == 1 or not (frame.name == frames.ERROR or frame.payload.get("final")):
            return frame
        return Frame(frame.name, {**frame.payload, "generationProtocolVersion": self.protocol})

    def is_told(self, frame: Frame) -> bool:
        """Whether the reader gets an event."""
        is_interruption = frame.name == frames.ERROR and frame.payload.get("code") == frames.INTERRUPTED
        return not (self.reconnects and is_interruption)

    @property
    def farewell(self) -> bytes:
        """With what a stream ends before the run's last event."""
        return frames.BROKEN if self.reconnects else frames.COME_BACK


FROM_THE_BEGINNING = Reading()


async def follow(
    transcript: Transcript, closing: asyncio.Event, reading: Reading = FROM_THE_BEGINNING
) -> AsyncGenerator[bytes, None]:
    """Every event from the beginning, then as they come, until the last; with `resume` the state first, then the new.

    When the server stops (`closing`), the stream ends before that. To wait holds no thread.
    """
    change = asyncio.Event()
    transcript.watchers.add(change.set)
    try:
        found, place = list[Frame](), BEGINNING
        if reading.resume:
            found, place = [reading.opening(transcript)], transcript.present
        while True:
            told = list(takewhile(reading.is_told, found))
            for piece in pieces(map(reading.spoken, told)):
                yield piece
            is_cut = len(told) < len(found)
            change.clear()
            found, place = transcript.since(place, MOST_BYTES)
            if found and not is_cut:
                continue
            if transcript.ended and not is_cut:
                return
            if closing.is_set() or is_cut:
                yield reading.farewell
                return
            if not await _comes(change):
                yield frames.KEEP_ALIVE
    finally:
        transcript.watchers.discard(change.set)


async def _comes(change: asyncio.Event) -> bool:
    """Whether something comes before a reader must be told that there is still somebody."""
    try:
        async with asyncio.timeout(KEEP_ALIVE_SECONDS):
            return await change.wait()
    except TimeoutError:
        return False


def pieces(found: Iterable[Frame]) -> Iterator[bytes]:
    """The bytes of events, in pieces that are not large."""
    encoded = b"".join(frames.encode(each.name, each.payload) for each in found)
    return (encoded[start : start + MOST_BYTES] for start in range(0, len(encoded), MOST_BYTES))
