"""Finding runs: the newest of a conversation, the one that began at a time, the ones that go on."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from echo.chat.place import NEW
from echo.errors import NotFound
from storage.runs.runs import RUNNING, RunRepository

if TYPE_CHECKING:
    from echo.chat.hub import RunHub

Json = dict[str, Any]
Document = Mapping[str, Any]


class Running:
    """The runs of owners, wherever they are; for threads."""

    def __init__(self, runs: RunRepository, hub: "RunHub") -> None:
        self._runs = runs
        self._hub = hub

    def get(self, owner: str, stream_id: str, created_at: int | None) -> Document:
        """A conversation's newest run, or the one that began at `created_at`, ended or not; raises `NotFound`."""
        run = self._runs.newest(owner, stream_id, created_at=moment(created_at))
        if run is None:
            raise NotFound
        return run

    def goes_on(self, run: Document) -> bool:
        """Whether a run has not ended, and its process is there."""
        return run["status"] == RUNNING and bool(self._hub.alive([dict(run)]))

    def current(self, owner: str, conversation_id: str) -> Document | None:
        """The newest run of a conversation if that goes on."""
        run = self._runs.newest(owner, conversation_id)
        return run if run is not None and self.goes_on(run) else None

    def to_end(self, owner: str, stream_id: str | None, created_at: int | None) -> Document:
        """The run that a request to end one means: the owner's newest where it names none.

        Raises `NotFound` for one that is not there or has ended.
        """
        if stream_id in NEW:
            began = moment(created_at)
            running = [run for run in self._runs.running(owner) if began in (None, run["createdAt"])]
        else:
            running = [dict(self.get(owner, str(stream_id), created_at))]
        alive = self._hub.alive([run for run in running if run["status"] == RUNNING])
        if not alive:
            raise NotFound
        local = self._hub.local(alive[-1]["_id"])
        if local is not None and local.transcript.ended:
            raise NotFound
        return alive[-1]

    def active(self, owner: str) -> list[str]:
        """The streams of the owner's runs that have not ended."""
        running = self._hub.alive(self._runs.running(owner))
        return list(dict.fromkeys(run["conversationId"] for run in running))


def milliseconds(moment: datetime) -> int:
    """A time as clients give it back."""
    return round(moment.timestamp() * 1000)


def moment(created_at: int | None) -> datetime | None:
    """A time that a client gives back; raises `NotFound` for what is none."""
    if created_at is None:
        return None
    try:
        return datetime.fromtimestamp(created_at / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotFound from error
