"""Counting requests: how many, how long, how many at the moment."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from echo.contract.compiled import Operation
from echo.handling.scope import OPERATION

if TYPE_CHECKING:
    # Not imported while metrics are off.
    from echo.observation.metrics.instruments import Instruments

# Whatever reaches no operation shares one label: paths that somebody makes up must not become time series.
UNKNOWN = "unknown"
# As nginx has it: the client went away before there was an answer.
CLIENT_CLOSED = 499


class RequestMeter:
    """Counts requests by operation, method and status, with each combination looked up once."""

    def __init__(self, instruments: "Instruments") -> None:
        self._instruments = instruments
        self._durations: dict[tuple[str, str, int | None], Any] = {}
        self._under_way: dict[int, Scope] = {}
        self._shown: set[tuple[str, str, str]] = set()
        instruments.before_sampling(self._write_under_way)

    def began(self, scope: Scope) -> None:
        """Take note of a request; what it is for will stand in its scope."""
        self._under_way[id(scope)] = scope

    def ended(self, scope: Scope, method: str, status: int | None, seconds: float) -> None:
        """Count an answered request; `method` is the client's own, HEAD included."""
        self._under_way.pop(id(scope), None)
        operation: Operation | None = scope.get(OPERATION)
        # The method is the client's word too, unless it has led to an operation.
        key = (operation.label, method, status) if operation else (UNKNOWN, UNKNOWN, status)
        child = self._durations.get(key)
        if child is None:
            path = operation.path if operation else UNKNOWN
            child = self._instruments.requests.batched(key[0], path, key[1], str(status or CLIENT_CLOSED))
            self._durations[key] = child
        child.observe(seconds)

    def _write_under_way(self) -> None:
        # Counted now and then: two writes to shared memory for each request would cost more than all the rest.
        operations = (scope.get(OPERATION) for scope in list(self._under_way.values()))
        counts = Counter((each.label, each.path, each.method) for each in operations if each is not None)
        self._shown |= counts.keys()
        for labels in self._shown:
            self._instruments.in_flight.labels(*labels).set(counts[labels])
