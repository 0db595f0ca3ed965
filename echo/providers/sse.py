"""Reading server-sent events from pieces of bytes, however they are cut.

As the HTML standard's section 9.2.6 says, where it matters here: lines end with LF, CR LF or CR; a line that begins
with a colon is a comment; one blank after a field's colon belongs to the colon; several `data` lines are one text
with line feeds; an event that the stream's end cuts off is dropped. `id` and `retry` mean nothing without
reconnecting. Unlike in the standard, an event whose data is empty or blank is none: servers send such events to keep
a connection alive. Only bytes of ASCII are looked for, so that a character in several pieces is whole again.
"""

from typing import NamedTuple

from echo.providers.constants import MAX_EVENT_BYTES, MAX_LINE_BYTES

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event: its type, empty for the default one, and its data, which need not be valid UTF-8."""

    type: bytes
    data: bytes


class TooLarge(Exception):
    """A line or an event is longer than allowed."""


class EventParser:
    """Takes the bytes as they come, gives the events that they complete. Holds no more than its bounds."""

    def __init__(self, *, max_line: int = MAX_LINE_BYTES, max_event: int = MAX_EVENT_BYTES) -> None:
        self._max_line = max_line
        self._max_event = max_event
        self._line: list[bytes] = []
        self._line_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._type = b""
        self._after_return = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that end in this piece. Raises `TooLarge`."""
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_return = False
        if not chunk:
            return []
        self._after_return = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in chunk:
            self._keep(chunk)
            return []
        first, *lines, rest = chunk.split(b"\n")
        self._keep(first)
        line = b"".join(self._line)
        self._line, self._line_size = [], 0
        events = self._lines([line, *lines])
        self._keep(rest)
        return events

    def _keep(self, part: bytes) -> None:
        """Remember a part of a line: joined only when the line ends, or many small parts would cost their square."""
        if part:
            self._line_size += len(part)
            if self._line_size > self._max_line:
                raise TooLarge
            self._line.append(part)

    def _lines(self, lines: list[bytes]) -> list[ServerEvent]:
        if not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
        events = []
        for line in lines:
            if line:
                self._field(line)
            else:
                if (data := b"\n".join(self._data)).strip():
                    events.append(ServerEvent(self._type, data))
                self._data, self._data_size, self._type = [], 0, b""
        return events

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data_size += len(value) + 1
            if self._data_size > self._max_event:
                raise TooLarge
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._type = value.removeprefix(b" ")
