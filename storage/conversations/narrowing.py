"""What a search asks of an index, where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from storage.core.stop import Stop


@dataclass(frozen=True)
class Candidates:
    """The keys of all documents that may hold a text; None where they are so many that the next ones are near."""

    keys: Sequence[Any] | None


class Narrowing(Protocol):
    """What knows which documents may hold a text; `storage.conversations.search_index` does."""

    def narrowed(self, owner: str, text: str, stop: Stop) -> Candidates | None:
        """Those; None where nothing is known. Raises `TookTooLong`."""
