"""How many runs an owner has at the same time: each has a place of its own, which nobody else gets meanwhile.

So one write begins a run and holds it against the limit. Only where the first place is taken is it asked which runs
there are.
"""

from collections.abc import Callable, Mapping
from typing import Any

from echo.chat.prepared import Prepared
from echo.errors import TooManyRequests
from storage.core.errors import Conflict
from storage.runs.runs import PLACE, RunRepository

Json = dict[str, Any]
# A place that seems free may be taken by somebody who begins at the same moment.
ATTEMPTS = 10


class RunPlaces:
    """Begins runs at places. `alive` are those of some runs whose processes are there; for threads."""

    def __init__(
        self, runs: RunRepository, alive: Callable[[list[Json]], list[Json]], most: int | None
    ) -> None:
        self._runs = runs
        self._alive = alive
        self._most = most

    def insert(self, prepared: Prepared, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store a run that begins.

        Raises `storage.core.errors.Conflict` when the client's request has a run already, `TooManyRequests` when its
        owner has as many as allowed.
        """
        if self._most is None:
            return self._insert(prepared, about, None)
        place = 0
        for _ in range(ATTEMPTS):
            try:
                return self._insert(prepared, about, place)
            except Conflict as error:
                if error.field != PLACE or self._is_known(prepared):
                    raise
            place = self._free(prepared.owner, self._most)
        raise too_many()

    def _insert(self, prepared: Prepared, about: Mapping[str, Any], place: int | None) -> Mapping[str, Any]:
        request_id = prepared.client_request_id
        conversation_id, run_id = prepared.conversation_id, prepared.run_id
        return self._runs.insert(
            prepared.owner, conversation_id, run_id, about, request_id=request_id, place=place
        )

    def _is_known(self, prepared: Prepared) -> bool:
        request_id = prepared.client_request_id
        return request_id is not None and self._runs.of_request(prepared.owner, request_id) is not None

    def _free(self, owner: str, most: int) -> int:
        """A place that none has who is there. Those whose process is gone, or that have just ended, need none."""
        running = self._runs.running(owner)
        alive = self._alive(running)
        if len(alive) >= most:
            raise too_many()
        there = {run["_id"] for run in alive}
        if gone := [run["_id"] for run in running if run["_id"] not in there and PLACE in run]:
            self._runs.leave_places(owner, gone)
        taken = {run.get(PLACE) for run in alive}
        return next(place for place in range(most) if place not in taken)


def too_many() -> TooManyRequests:
    """The error of one run more than allowed."""
    return TooManyRequests(5, "So many answers at the same time are not allowed.", code="too_many_runs")
