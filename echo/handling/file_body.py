"""A response body that is a stored file."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileBody:
    """What a handler returns to send a file: streamed from disk, with `Content-Length` and a safe disposition."""

    path: Path
    content_type: str
    filename: str
    inline: bool = False
