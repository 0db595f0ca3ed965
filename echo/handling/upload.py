"""A file part of a request, as handlers and services know it."""

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Upload:
    """What a client sent as a file; all but `stream` is only its word and is trusted by nobody.

    `stream` is seekable and stands at its start; `size` is the number of bytes that were received.
    """

    stream: BinaryIO
    filename: str
    content_type: str
    size: int
