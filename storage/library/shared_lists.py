"""Lists of what was shared with somebody: in an order of several keys, page by page.

Who may see what is found before, as ids (`AclEntryRepository.resources`, which has a bound), so a list can take what
it sorts by of all of them at once, and reads as documents only what it shows.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId

from storage.core.errors import BrokenCursor

# Where a document stands in a list: numbers, the smallest first, and its id, so that no two stand in the same place.
Position = tuple[tuple[int, ...], ObjectId]


@dataclass(frozen=True)
class Place:
    """A document's id, its place, and how many bytes it will have in an answer."""

    position: Position
    size: int = 0

    @property
    def id(self) -> ObjectId:
        """The document's."""
        return self.position[1]


def backwards(value: Any) -> int:
    """A number or date as part of a place, the largest first; anything else counts as 0, and so comes last."""
    if isinstance(value, datetime):
        return -round(value.replace(tzinfo=UTC).timestamp() * 1000)
    return -int(value) if isinstance(value, int | float) else 0


def arranged(
    rows: Iterable[Mapping[str, Any]], numbers: Callable[[Mapping[str, Any]], tuple[int, ...]]
) -> list[Place]:
    """The places of documents in their order."""
    return sorted((Place((numbers(row), row["_id"])) for row in rows), key=lambda place: place.position)


def cut(
    places: Sequence[Place], cursor: str | None, limit: int, most: int
) -> tuple[Sequence[Place], str | None]:
    """The places of the page after a cursor, and the cursor of the next page, if there is one.

    A page ends early where its documents have more than `most` bytes together. Raises `BrokenCursor`.
    """
    if cursor is not None:
        last = _read(cursor)
        if places and len(last[0]) != len(places[0].position[0]):
            raise BrokenCursor
        places = [place for place in places if place.position > last]
    count, room = 0, most
    for place in places[:limit]:
        room -= place.size
        if count and room < 0:
            break
        count += 1
    return places[:count], _write(places[count - 1].position) if count < len(places) else None


def _write(position: Position) -> str:
    payload = json.dumps([*position[0], str(position[1])], separators=(",", ":"))
    return base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")


def _read(cursor: str) -> Position:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        *numbers, row_id = json.loads(base64.b64decode(padded, b"-_", validate=True))
        if not all(type(number) is int for number in numbers) or type(row_id) is not str:
            raise BrokenCursor
        return tuple(numbers), ObjectId(row_id)
    except (ValueError, TypeError, RecursionError, InvalidId) as error:
        raise BrokenCursor from error
