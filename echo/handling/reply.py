"""What an operation answers, as the bridge sends it: status, headers in bytes, and where the body comes from."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from echo.handling.pending import Pending

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Reply:
    """The head, and the whole body or (for a file, for events) where to take it from.

    A `pending` one has nothing yet but what will make it. What `is_checked` has been held against the contract.
    """

    status: int
    headers: RawHeaders
    body: bytes = b""
    pieces: Iterable[bytes] | None = None
    frames: AsyncGenerator[bytes, None] | None = None
    pending: "Unfinished | None" = None
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A reply that is still to be made, on the event loop; `respond` makes a reply of what a handler may return."""

    made_by: Pending
    respond: Callable[[Any], Reply]

    async def finish(self) -> Reply:
        """The reply; raises what making it raises."""
        return self.respond(await self.made_by.make())


def raw_headers(headers: Mapping[str, str | list[str]]) -> RawHeaders:
    """Headers as ASGI has them; of several values for one name each has a line.

    Raises `ValueError` for a value with a line break in it: it would be a header of somebody else's.
    """
    return [(raw_name(name), _raw(value)) for name, value in _lines(headers)]


def _lines(headers: Mapping[str, str | list[str]]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        if isinstance(value, str):
            yield name, value
        else:
            yield from ((name, each) for each in value)


@lru_cache(maxsize=256)
def raw_name(name: str) -> bytes:
    """The name of a header as ASGI has it; our own code has only so many."""
    return name.lower().encode("latin-1")


def _raw(value: str) -> bytes:
    raw = value.encode("latin-1")
    if b"\n" in raw or b"\r" in raw:
        raise ValueError("A header's value has a line break in it.")
    return raw
