"""JSON of any length, one element of the outermost array at a time; or the one value there is.

What is in memory is one element, within limits. An element over them is read to its end and given up, so those after
it are still had. ijson's C parser makes the events, without a tree and without recursion.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import ijson

from echo.transfer.limits import Limits

CHUNK_BYTES = 64 * 1024
BOM = b"\xef\xbb\xbf"
OPENING = {"start_array": list, "start_map": dict}
CLOSING = {"end_array", "end_map"}
# Every digit becomes a 0 and everything else a space.
DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
LONG_NUMBER = b"0" * 2000

Events = Iterator[tuple[str, Any]]


class Readable(Protocol):
    """A binary stream; it need not be seekable."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""


class Malformed(Exception):
    """From here on the file is no JSON in UTF-8."""


class TooLarge:
    """Stands for an element over the limits."""


TOO_LARGE = TooLarge()


def read_values(stream: Readable, limits: Limits) -> Iterator[Any]:
    """The elements one after the other, `TOO_LARGE` for one over the limits. Raises `Malformed`.

    Numbers come as `int` or `Decimal`, of any size; a lone surrogate comes as a question mark.
    """
    reader = _Reader(stream, limits)
    try:
        yield from reader.elements()
    # ValueError: surrogates in UTF-8; ArithmeticError: an exponent beyond what `Decimal` takes.
    except (ijson.JSONError, ValueError, ArithmeticError) as error:
        raise Malformed from error


class _Source:
    """Feeds the parser. What it is fed without making an event of it is one token, which it keeps in memory."""

    def __init__(self, stream: Readable, longest_token: int) -> None:
        self._read = stream.read
        self._longest = longest_token
        self._begun = False
        self._carried = 0
        self.unused = 0

    def read(self, size: int) -> bytes:
        chunk = self._read(size)
        self.unused += len(chunk)
        if self.unused > self._longest:
            raise Malformed
        if not self._begun and chunk:
            self._begun = True
            chunk = chunk.removeprefix(BOM) or self._read(size)
        return self._defused(chunk)

    def _defused(self, chunk: bytes) -> bytes:
        """The bytes with every 2000th digit in a row escaped: the same text in a string, and malformed as a number.

        At a whole number of more than 4300 digits, Python's own limit, ijson 3.6.0 crashes the process.
        """
        digits = LONG_NUMBER[: self._carried] + chunk.translate(DIGITS)
        done, pieces, begin = 0, [], 0
        while (begin := digits.find(LONG_NUMBER, begin)) >= 0:
            begin += len(LONG_NUMBER)
            last = begin - 1 - self._carried
            pieces.append(chunk[done:last] + b"\\u003")
            done = last
        rest = digits[done + self._carried + 1 :] if pieces else digits
        self._carried = len(rest) - len(rest.rstrip(b"0"))
        return b"".join((*pieces, chunk[done:])) if pieces else chunk


class _Reader:
    def __init__(self, stream: Readable, limits: Limits) -> None:
        # A character takes up to six bytes, as an escape; a token that is longer is no text that could be kept.
        self._source = _Source(stream, 6 * limits.text + CHUNK_BYTES)
        self._limits = limits
        self._events: Events = ijson.basic_parse(self._source, buf_size=CHUNK_BYTES)

    def elements(self) -> Iterator[Any]:
        kind, value = next(self._events)
        if kind != "start_array":
            yield self._element(kind, value)
        else:
            for kind, value in self._events:
                self._source.unused = 0
                if kind == "end_array":
                    break
                yield self._element(kind, value)
        # The parser looks at what follows the end, too: only then is the file known to be whole.
        for _ in self._events:
            pass

    def _element(self, kind: str, value: Any) -> Any:
        """The element that begins with this event."""
        return self._container(OPENING[kind]()) if kind in OPENING else value

    def _container(self, root: Any) -> Any:
        stack = [root]
        key, texts, values = "", self._limits.text, self._limits.values
        source, top, deepest = self._source, root, self._limits.depth
        for kind, value in self._events:
            source.unused = 0
            if kind == "map_key":
                key, texts = value, texts - len(value)
                continue
            if kind in CLOSING:
                stack.pop()
                if not stack:
                    return root
                top = stack[-1]
                continue
            child = OPENING[kind]() if kind in OPENING else value
            values -= 1
            texts -= len(value) if kind == "string" else 0
            if type(top) is dict:
                top[key] = child
            else:
                top.append(child)
            if kind in OPENING:
                stack.append(child)
                top = child
            if values < 0 or texts < 0 or len(stack) > deepest:
                return self._give_up(len(stack))
        raise Malformed

    def _give_up(self, depth: int) -> TooLarge:
        for kind, _ in self._events:
            self._source.unused = 0
            if kind in OPENING:
                depth += 1
            elif kind in CLOSING:
                depth -= 1
                if depth == 0:
                    break
        return TOO_LARGE
