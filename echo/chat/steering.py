"""Messages that come while an answer is being made.

As in LibreChat a message waits until the model is asked again, after a round of tools, and is put before it then
(`injecting.py`). Where the model is not asked again the run hands it back at its end, and LibreChat's clients send it
as the next turn.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.chat import attachments
from echo.chat.attachments import Attachments
from echo.chat.refusals import no_active_run, queue_full, run_replaced, steer_conflict
from echo.chat.running import Running, milliseconds
from echo.files import FileStore
from storage.library.files import FileRepository
from storage.runs.steers import Steer, SteerRepository

Json = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """A message for a run, checked. `created_at` is the run's time where the client knows it, in milliseconds."""

    conversation_id: str
    text: str
    client_id: str | None = None
    created_at: int | None = None
    files: tuple[str, ...] = field(default=())


class Steering:
    """Queues of messages for runs; for threads."""

    def __init__(
        self, steers: SteerRepository, running: Running, files: FileRepository, store: FileStore
    ) -> None:
        self._steers = steers
        self._running = running
        self._files = files
        self._store = store

    def steer(self, owner: str, said: Said) -> Json:
        """Let a message wait in the run under way.

        The same again (by `client_id`) is answered as the first time. Raises `NotFound` (`no_active_run`), `Conflict`
        (`run_replaced`; `steer_idempotency_conflict` for another text under the same id), `TooManyRequests`
        (`steer_queue_full`), `Unprocessable` (`unknown_file`).
        """
        run = self._running.current(owner, said.conversation_id)
        if run is None:
            return self._replayed(owner, said)
        if said.created_at not in (None, milliseconds(run["createdAt"])):
            raise run_replaced()
        records = Attachments(self._files, self._store, owner).records(said.files)
        if records:
            self._files.use(owner, [str(each["file_id"]) for each in records])
        steer = Steer(
            steer_id=str(uuid.uuid4()),
            client_id=said.client_id,
            text=said.text,
            created_at=int(time.time() * 1000),
            files=[attachments.shown(each) for each in records],
        )
        waiting = self._steers.add(owner, run["_id"], steer)
        if waiting.steer is None:
            raise queue_full() if waiting.added == "full" else no_active_run()
        again = waiting.added in ("again", "applied")
        answer = self._queued(said, waiting.steer, waiting.position, again=again)
        return {**answer, "settled": True} if waiting.added == "applied" else answer

    def _replayed(self, owner: str, said: Said) -> Json:
        """The answer to a message sent again after the run has handed it back."""
        left = self._steers.left(owner, said.conversation_id) if said.client_id else []
        for position, row in enumerate(left, 1):
            if row.get("clientSteerId") == said.client_id:
                settled = {"settled": True, "leftover": True}
                return {**self._queued(said, row, position, again=True), **settled}
        raise no_active_run()

    @staticmethod
    def _queued(said: Said, row: Mapping[str, Any], position: int, *, again: bool) -> Json:
        ids = tuple(each["file_id"] for each in row.get("files", ()))
        if again and (row["text"] != said.text or ids != tuple(dict.fromkeys(said.files))):
            raise steer_conflict()
        return {
            "status": "queued",
            "steerId": row["steerId"],
            "position": position,
            "conversationId": said.conversation_id,
            "preempt": False,
            **({"replayed": True, "settled": False, "leftover": False} if again else {}),
        }

    def cancel(self, owner: str, conversation_id: str, steer_id: str) -> bool:
        """Take back a message; whether it still waited, or had been handed back and not been sent."""
        return self._steers.cancel(owner, conversation_id, steer_id)

    def left(self, owner: str, conversation_id: str, *, once: bool) -> list[Json]:
        """What runs of a conversation handed back; `once` forgets it, for clients that do not say what they sent."""
        found = self._steers.left(owner, conversation_id)
        if once and found:
            self._steers.forget(owner, conversation_id)
        return found
