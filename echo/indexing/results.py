"""What is searched, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

# As many as LibreChat's tool gives a model, and of one file.
MOST_FOUND = 10
MOST_OF_A_FILE = 5


@dataclass(frozen=True)
class Searched:
    """A file that a user may search: its record. `of_agent` says that it is the agent's and not of the chat."""

    record: dict[str, Any]
    of_agent: bool = False

    @property
    def file_id(self) -> str:
        """Its id."""
        return str(self.record["file_id"])

    @property
    def owner(self) -> str:
        """Whose it is."""
        return str(self.record.get("user"))

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.record.get("filename") or "file")


@dataclass(frozen=True)
class Found:
    """A piece of a file; `relevance` is from 0 to 1, and `page` the page, slide or sheet, where there are such."""

    file: Searched
    text: str
    relevance: float
    page: int | None = None


@dataclass(frozen=True)
class Results:
    """The pieces that fit best, the best first; and files that cannot be searched, with the reason.

    That is as of `Unreadable`, or "gone", "too_many" (chunks of a user), "unreachable" or "waiting".
    """

    found: tuple[Found, ...] = ()
    missing: tuple[tuple[Searched, str], ...] = ()


class Index(Protocol):
    """Where files are searched. `is_slow` says that a file is not ready yet when it has been added."""

    is_slow: bool

    def takes(self, media_type: str) -> bool:
        """Whether files of this type can be searched."""

    def add(self, record: dict[str, Any], agent_id: str | None) -> None:
        """Have a file searched that has just been stored, of an agent or of a chat.

        Raises `ApiError` where that is known to be impossible.
        """

    def forget(self, owner: str, records: Sequence[dict[str, Any]]) -> None:
        """Forget files, which are about to be deleted."""

    async def find(self, runner: str, agent_id: str | None, files: Sequence[Searched], query: str) -> Results:
        """What fits a question in these files; whether they may be searched has been asked before."""


def fittest(found: Sequence[Found]) -> tuple[Found, ...]:
    """The best of them, and not all of one file."""
    best, counts = list[Found](), dict[str, int]()
    for each in sorted(found, key=lambda piece: -piece.relevance):
        count = counts.get(each.file.file_id, 0)
        if count < MOST_OF_A_FILE and len(best) < MOST_FOUND:
            best.append(each)
            counts[each.file.file_id] = count + 1
    return tuple(best)
