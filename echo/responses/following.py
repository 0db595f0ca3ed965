"""The stream of a response that is made in the background, for whoever reads it, in whichever process."""

import asyncio
from collections.abc import AsyncGenerator

import orjson

from echo.accounts.standing import Standing
from echo.completions.objects import SILENT
from echo.completions.pulse import PULSE_SECONDS
from echo.completions.under_way import OpenCompletions
from echo.handling.caller import Caller
from echo.responses.asking import unsupported
from echo.responses.background import BackgroundResponses
from echo.responses.work import END
from storage.conversations.responses import KeptResponse
from storage.core.errors import NotFound
from storage.runs.pieces import PieceRepository

POLL_SECONDS = 0.2
# How often it is asked whether a response is over, and how often more its last pieces are looked for then.
CHECK_SECONDS, LAST_LOOKS = 1.0, 3
FROM_THE_BEGINNING = -1
NO_STREAM = (
    "Only a response that was created with `background` and `stream` can be read as a stream, "
    "until five minutes after its end."
)


class Following:
    """Reads what responses say. Everything but `check` belongs to the event loop."""

    def __init__(
        self,
        works: BackgroundResponses,
        pieces: PieceRepository,
        standing: Standing,
        under_way: OpenCompletions,
        closing: asyncio.Event,
    ) -> None:
        self._works = works
        self._pieces = pieces
        self._standing = standing
        self._under_way = under_way
        self._closing = closing

    def check(self, owner: str, response_id: str) -> None:
        """Raise `Unprocessable` for a response that has no stream (any more), `NotFound`. For threads."""
        kept = self._works.current(owner, response_id)
        if not kept.streamed or not (kept.is_under_way or self._pieces.read(owner, response_id)):
            raise unsupported("stream", NO_STREAM)

    async def begun(
        self, caller: Caller, response_id: str, after: int = FROM_THE_BEGINNING
    ) -> AsyncGenerator[bytes, None]:
        """The frames after the event of this number; raises `TooManyRequests` at once."""
        frames = self._frames(caller, response_id, after)
        await anext(frames)
        return frames

    async def _frames(self, caller: Caller, response_id: str, after: int) -> AsyncGenerator[bytes, None]:
        with self._under_way.one(caller.id):
            async with self._standing.watched(caller) as refusal:
                yield b""
                reader = Reader(self._works, self._pieces, caller.id, response_id, after)
                silent_since = asyncio.get_running_loop().time()
                while not (refusal.done() or self._closing.is_set()):
                    frames, is_over = await reader.next()
                    moment = asyncio.get_running_loop().time()
                    if not frames and moment - silent_since >= PULSE_SECONDS:
                        frames = SILENT
                    if frames:
                        silent_since = moment
                        yield frames
                    if is_over:
                        return
                    await asyncio.sleep(POLL_SECONDS)


class Reader:
    """Where one reader is in the stream of a response."""

    def __init__(
        self, works: BackgroundResponses, pieces: PieceRepository, owner: str, response_id: str, after: int
    ) -> None:
        self._works = works
        self._pieces = pieces
        self._owner, self._id = owner, response_id
        self._after = after
        self._number = 0
        self._last_number = after
        self._checked_at = 0.0
        self._looks = LAST_LOOKS

    async def next(self) -> tuple[bytes, bool]:
        """What is new, and whether that is all."""
        place = (self._owner, self._id, self._number)
        told = b""
        for piece in await asyncio.to_thread(self._pieces.read_all, [place]):
            if piece.number != self._number:
                break
            if piece.frames == END:
                return told, True
            told += self._later(piece.frames)
            self._number += 1
        if told:
            return told, False
        return await self._look()

    async def _look(self) -> tuple[bytes, bool]:
        """Whether it is over although nothing has said so."""
        clock = asyncio.get_running_loop().time()
        if clock - self._checked_at < CHECK_SECONDS:
            return b"", False
        self._checked_at = clock
        try:
            kept = await asyncio.to_thread(self._works.current, self._owner, self._id)
        except NotFound:
            return b"", True
        if kept.is_under_way:
            return b"", False
        self._looks -= 1
        return (self._failed(kept), True) if not self._looks else (b"", False)

    def _failed(self, kept: KeptResponse) -> bytes:
        """The end of a response whose process is gone."""
        if kept.status != "failed":
            return b""
        event = {
            "type": "response.failed",
            "response": orjson.loads(kept.response),
            "sequence_number": self._last_number + 1,
        }
        return b"event: response.failed\ndata: " + orjson.dumps(event) + b"\n\n"

    def _later(self, frames: bytes) -> bytes:
        """Those of the frames that come after the number from which the reader goes on."""
        later = []
        for frame in frames.split(b"\n\n"):
            if not frame:
                continue
            number = orjson.loads(frame.partition(b"\ndata: ")[2])["sequence_number"]
            self._last_number = max(self._last_number, number)
            if number > self._after:
                later.append(frame + b"\n\n")
        return b"".join(later)
