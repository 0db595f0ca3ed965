"""What a search asks of an index, where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from storage.core.stop import Stop


@dataclass(frozen=True)
class Candidates:
    """The keys of all documents that may hold a text; None where they are too many to be named.

    `are_many` says that there are so many that the next ones in any order should be near.
    """

    keys: Sequence[Any] | None
    are_many: bool = False

    @property
    def are_near(self) -> bool:
        """Whether the next ones should be near."""
        return self.are_many or self.keys is None


class Narrowing(Protocol):
    """What knows which documents may hold a text; `storage.conversations.search_index` does."""

    def narrowed(self, owner: str, text: str, stop: Stop, *, patiently: bool = False) -> Candidates | None:
        """Those; None where nothing is known. `patiently` names them where they are many. Raises `TookTooLong`."""
