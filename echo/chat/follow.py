"""The bytes of a run's stream for one reader."""

import asyncio
from collections.abc import AsyncGenerator

from echo.chat import frames
from echo.chat.transcript import BEGINNING, Transcript

KEEP_ALIVE_SECONDS = 15.0


async def follow(
    transcript: Transcript, closing: asyncio.Event, *, resume: bool = False
) -> AsyncGenerator[bytes, None]:
    """Every event from the beginning, then as they come, until the last; with `resume` the state first, then the new.

    When the server stops (`closing`), the stream ends before that. To wait holds no thread.
    """
    change = asyncio.Event()
    transcript.watchers.add(change.set)
    try:
        place = BEGINNING
        if resume:
            place = transcript.present
            yield frames.encode(frames.MESSAGE, frames.sync(transcript.state()))
        while True:
            change.clear()
            found, place = transcript.since(place)
            if found:
                yield b"".join(frames.encode(each.name, each.payload) for each in found)
                continue
            if transcript.ended:
                return
            if closing.is_set():
                yield frames.COME_BACK
                return
            try:
                async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                    await change.wait()
            except TimeoutError:
                yield frames.KEEP_ALIVE
    finally:
        transcript.watchers.discard(change.set)
