"""A response body that is a stored file."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


class Elsewhere(Protocol):
    """A file that is on no disk of ours; `tag` is a text that changes with its bytes."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def tag(self) -> str:
        """As a service calls these bytes."""

    def open(self) -> BinaryIO:
        """Its bytes, fetched in pieces as they are asked for, from wherever in the file."""


@dataclass(frozen=True)
class FileBody:
    """What a handler returns to send a file: streamed, with `Content-Length` and a safe disposition."""

    path: Path | Elsewhere
    content_type: str
    filename: str
    inline: bool = False
