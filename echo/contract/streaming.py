"""Large answers, made piece by piece in a thread: held against the contract there, counted while they are sent."""

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain
from typing import Any

import orjson

from echo.contract.compiled import JSON, Operation, Response
from echo.contract.responses import ContractBreach
from echo.handling.large_answers import Share
from echo.handling.stream_body import JsonItems

SLICE_BYTES = 256 * 1024


def json_pieces(items: JsonItems, response: Response) -> Iterator[bytes]:
    """The bytes of a JSON answer, a portion of its items at a time.

    Raises `ContractBreach` before the first piece for what surrounds the items, and before a piece for an item.
    """
    frame: Any = [] if items.name is None else {**items.others, items.name: []}
    check(response, frame)
    of_item, opening, closing_ = response.items[items.name], b"[", b"]"
    if items.name is not None:
        head = orjson.dumps({**items.others, items.name: 0})
        opening, closing_ = head.removesuffix(b"0}") + b"[", b"]}"
    separator = opening
    for portion in items.portions:
        for item in portion:
            if not of_item.is_valid(item):
                raise ContractBreach("; ".join(of_item.details(item)))
        if portion:
            yield separator + orjson.dumps(portion)[1:-1]
            separator = b","
    yield closing_ if separator == b"," else opening + closing_


def check(response: Response, body: Any) -> None:
    """Raise `ContractBreach` unless a JSON body is one that the contract promises."""
    validator = response.media_types.get(JSON)
    if validator and not validator.is_valid(body):
        raise ContractBreach("; ".join(validator.details(body)))


def sliced(content: bytes) -> Iterator[bytes]:
    """The content in pieces: what is handed to the server at once, it keeps until the client has read it."""
    view = memoryview(content)
    return (bytes(view[begin : begin + SLICE_BYTES]) for begin in range(0, len(content), SLICE_BYTES))


def begun(pieces: Iterator[bytes], share: Share) -> Generator[bytes, None, None]:
    """The pieces, of which the first is made at once: what goes wrong before it still has a status of its own.

    The share is given back with the last of them, when they are closed, or when nobody wants them any more.
    """
    kept = _kept(pieces, share)
    # Begun, so that closing it runs to its end.
    next(kept)
    return kept


def _kept(pieces: Iterator[bytes], share: Share) -> Generator[bytes, None, None]:
    with closing(share):
        first = next(pieces, b"")
        yield b""
        yield from chain((first,), pieces)


def check_whole(operation: Operation, status: int, body: Any) -> None:
    """Raise `ContractBreach` unless the body is one that the contract promises for the status."""
    # Status and media type are checked with the head.
    if response := operation.responses.get(status):
        check(response, body)
