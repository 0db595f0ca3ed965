"""One response that is made in the background, and what of it is still to be written down."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from echo.completions.answering import Job, Keep
from echo.completions.answers import Answer
from echo.completions.models import Chosen
from echo.providers.chat import Usage
from echo.responses.teller import ResponseTeller
from storage.conversations.responses import KeptResponse
from storage.runs.pieces import Piece

# So much of a stream goes into a document.
PIECE_BYTES = 4 * 1024 * 1024
# The piece that ends a stream.
END = b""
COMMENT = b":"


@dataclass
class Work:
    """One response that is being made. `kept` is what the database has of it, `keep` stores the answer."""

    job: Job
    teller: ResponseTeller
    keep: Keep
    kept: KeptResponse
    begun: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    task: asyncio.Task[None] | None = None
    finishing: bool = False
    interrupted: bool = False
    said: list[bytes] = field(default_factory=list)
    pieces: int = 0

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.job.caller.id

    def say(self, frame: bytes) -> None:
        """Let those who follow have a frame; comments are of one connection."""
        if self.kept.streamed and frame and not frame.startswith(COMMENT):
            self.said.append(frame)

    def take(self) -> Iterator[Piece]:
        """What is to be written down."""
        said, self.said = self.said, []
        for frames in grouped(said):
            yield self._piece(frames)

    def last(self) -> Iterator[Piece]:
        """What is to be written down at the end."""
        yield from self.take()
        if self.kept.streamed:
            yield self._piece(END)

    def _piece(self, frames: bytes) -> Piece:
        self.pieces += 1
        return Piece(self.owner, self.kept.id, self.pieces - 1, frames)

    async def finish(self, job: Job, chosen: Chosen, answer: Answer, usage: Usage | None) -> str | None:
        """Store the answer: from now on nobody cancels it."""
        self.finishing = True
        return await self.keep(job, chosen, answer, usage)


def at(teller: ResponseTeller, status: str) -> str:
    """The object of a response that has said nothing yet, as JSON."""
    return dumped(teller.response.at(status, []))


def dumped(response: Mapping[str, Any]) -> str:
    """An object as it is kept."""
    return orjson.dumps(response).decode()


def changed(kept: KeptResponse, status: str, **fields: Any) -> KeptResponse:
    """A response with another status, and these fields of its object."""
    response = {**orjson.loads(kept.response), "status": status, **fields}
    return replace(kept, status=status, response=dumped(response))


def grouped(frames: list[bytes]) -> Iterator[bytes]:
    """Frames joined, as many as fit into a document each."""
    group, size = list[bytes](), 0
    for frame in frames:
        if group and size + len(frame) > PIECE_BYTES:
            yield b"".join(group)
            group, size = [], 0
        group.append(frame)
        size += len(frame)
    if group:
        yield b"".join(group)
