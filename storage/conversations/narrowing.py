"""What a search asks of an index, where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from storage.core.stop import Stop


@dataclass(frozen=True)
class Candidates:
    """The keys of all documents that may hold a text; None where they are too many to be named.

    Where they are many, one of `every` so many may hold it on the average: in any order the next ones should be near.
    """

    keys: Sequence[Any] | None
    every: int | None = None


class Narrowing(Protocol):
    """What knows which documents may hold a text; `storage.conversations.search_index` does."""

    def narrowed(self, owner: str, text: str, stop: Stop, *, patiently: bool = False) -> Candidates | None:
        """Those; None where nothing is known. `patiently` names them where they are many. Raises `TookTooLong`."""
