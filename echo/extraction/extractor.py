"""Reads the text of documents, each in a process of its own."""

import importlib.util
import io
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from echo.extraction.child import CODES
from echo.extraction.pages import MOST_BYTES, Page, Unreadable, unpacked
from echo.extraction.readers import READERS

# What one document may take: a PDF of a thousand pages needs 10 seconds and 300 MiB.
SECONDS = 60
MEMORY = 1024 * 1024 * 1024
# So many at once in each worker; others wait for so long.
AT_ONCE = 2
PATIENCE = 60.0
# JSON takes two bytes for a quotation mark, and for a line feed.
MOST_OUTPUT = 2 * MOST_BYTES + 1024 * 1024
# What the libraries of the extra `[documents]` are for.
LIBRARIES = frozenset(name for _, names in READERS.values() for name in names)
_ROOT = str(Path(__file__).resolve().parents[2])
_REASONS = {code: reason for reason, code in CODES.items()}
_START = "import sys; sys.path.insert(0, sys.argv[1]); from echo.extraction.child import main; "
_START += "main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))"


@dataclass(frozen=True)
class Extracted:
    """The text of a document by pages; `text` is all of it."""

    pages: tuple[Page, ...]

    @property
    def text(self) -> str:
        """The pages with a blank line between them."""
        return "\n\n".join(page.text for page in self.pages)


class Extractor:
    """Reads documents, at most `at_once` at a time in this process; the first one starts the first reader.

    `seconds` are for one, by the clock and of the processor; `memory` is in bytes.
    """

    def __init__(self, *, seconds: int = SECONDS, memory: int = MEMORY, at_once: int = AT_ONCE) -> None:
        self._seconds = seconds
        self._memory = memory
        self._free = threading.BoundedSemaphore(at_once)

    @staticmethod
    def reads(media_type: str) -> bool:
        """Whether there is text in files of this type that is not plain text, and a reader knows it."""
        return media_type in READERS

    def extract(self, stream: BinaryIO, media_type: str) -> Extracted:
        """The text of what the stream holds from its start. It blocks. Raises `Unreadable`."""
        if media_type not in READERS:
            raise Unreadable("unsupported")
        if not all(importlib.util.find_spec(name) for name in READERS[media_type][1]):
            raise Unreadable("missing")
        if not self._free.acquire(timeout=PATIENCE):
            raise Unreadable("busy")
        try:
            with _descriptor(stream) as document:
                pages = self._read(document, media_type)
        finally:
            self._free.release()
        if not pages:
            raise Unreadable("empty")
        return Extracted(tuple(pages))

    def _read(self, document: int, media_type: str) -> list[Page]:
        limits = [str(self._memory), str(self._seconds)]
        reader = subprocess.Popen(
            # Isolated: of what can be imported there is what is installed, and Echo.
            [sys.executable, "-I", "-c", _START, _ROOT, media_type, *limits],
            stdin=document,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            close_fds=True,
        )
        end = time.monotonic() + self._seconds
        with reader:
            try:
                output = _output(reader.stdout.fileno() if reader.stdout else -1, end)
                code = reader.wait(timeout=max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired as error:
                raise Unreadable("too_slow") from error
            finally:
                reader.kill()
        if code:
            # Killed by the kernel, or by an allocator that got nothing.
            raise Unreadable(_REASONS.get(code, "too_large"))
        try:
            return unpacked(output)
        except ValueError as error:
            raise Unreadable("broken") from error


@contextmanager
def _descriptor(stream: BinaryIO) -> Iterator[int]:
    """The file of a stream; a copy where it has none."""
    try:
        yield stream.fileno()
        return
    except (OSError, AttributeError, io.UnsupportedOperation):
        stream.seek(0)
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        yield copy.fileno()


def _output(source: int, end: float) -> bytes:
    parts, room = list[bytes](), MOST_OUTPUT
    while room >= 0:
        if not select.select([source], [], [], max(0.0, end - time.monotonic()))[0]:
            raise Unreadable("too_slow")
        part = os.read(source, 1024 * 1024)
        if not part:
            return b"".join(parts)
        parts.append(part)
        room -= len(part)
    raise Unreadable("too_large")
