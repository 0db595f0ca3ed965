"""Watching the commands that go to MongoDB: which, on which collection, how long. Never what they say."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pymongo import monitoring

NO_COLLECTION = "none"


class Command(NamedTuple):
    """A command by its name and collection, both of which stand in our code: neither is ever a client's word."""

    name: str
    collection: str


# Called with the seconds that a command took, and the name of its error, None if it had none.
Ended = Callable[[float, str | None], None]
# Called when a command is sent; gives what is to be called when it has ended, in the same thread.
Watcher = Callable[[Command], Ended]


class CommandWatch(monitoring.CommandListener):
    """Tells watchers of each command. They run in the thread that waits for MongoDB, and must be quick."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = tuple(watchers)
        self._under_way: dict[int, list[Ended]] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command is sent."""
        name: str = event.command_name
        command = Command(name, collection_of(name, event.command))
        self._under_way[event.request_id] = [watch(command) for watch in self._watchers]

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It was answered."""
        self._end(event.request_id, event.duration_micros, None)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It was refused, or the connection broke."""
        self._end(
            event.request_id, event.duration_micros, str(event.failure.get("codeName") or "NetworkError")
        )

    def _end(self, request_id: int, microseconds: int, error: str | None) -> None:
        for ended in self._under_way.pop(request_id, ()):
            ended(microseconds / 1e6, error)


def collection_of(name: str, command: Any) -> str:
    """The collection that a command is about; it stands under the command's own name, except in a `getMore`."""
    collection = command.get("collection" if name == "getMore" else name)
    return collection if isinstance(collection, str) else NO_COLLECTION
