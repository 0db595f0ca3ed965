"""Pages by number of what is left out before, for clients that turn pages."""

from dataclasses import dataclass
from typing import Self

MAX_LIMIT = 200


@dataclass(frozen=True)
class Window:
    """So many items after so many others."""

    offset: int
    limit: int

    @classmethod
    def within(cls, offset: int, limit: int, most: int = MAX_LIMIT) -> Self:
        """As a client asks for it, with the nearest limit that there may be."""
        return cls(offset, max(1, min(limit, most)))
