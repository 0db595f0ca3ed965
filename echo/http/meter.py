"""Counting requests: how many, how long, how many at the moment."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from echo.contract.document import Operation
from echo.contract.operations import OPERATION

if TYPE_CHECKING:
    # Not imported while metrics are off.
    from echo.metrics.instruments import Instruments

# Whatever reaches no operation shares one label: paths that somebody makes up must not become time series.
UNKNOWN = "unknown"
# As nginx has it: the client went away before there was an answer.
CLIENT_CLOSED = 499


class RequestMeter:
    """Counts requests by operation, method and status, with each combination looked up once."""

    def __init__(self, instruments: "Instruments") -> None:
        self._instruments = instruments
        self._durations: dict[tuple[str, str, int | None], Any] = {}
        # Plain numbers of the event loop, written to the shared counts now and then: twice per request costs more.
        self._in_flight: Counter[tuple[str, str, str]] = Counter()
        instruments.before_sampling(self._write_in_flight)

    def ended(self, operation: Operation | None, method: str, status: int | None, seconds: float) -> None:
        """Count an answered request; `method` is the client's own, HEAD included."""
        # The method is the client's word too, unless it has led to an operation.
        key = (operation.id, method, status) if operation else (UNKNOWN, UNKNOWN, status)
        child = self._durations.get(key)
        if child is None:
            path = operation.path if operation else UNKNOWN
            child = self._instruments.requests.batched(key[0], path, key[1], str(status or CLIENT_CLOSED))
            self._durations[key] = child
        child.observe(seconds)

    def changed(self, operation: Operation, by: int) -> None:
        """Count a request that begins (1) or has ended (-1)."""
        self._in_flight[operation.id, operation.path, operation.method] += by

    def _write_in_flight(self) -> None:
        for labels, requests in tuple(self._in_flight.items()):
            self._instruments.in_flight.labels(*labels).set(requests)


class InFlight:
    """Middleware behind the gate that counts the requests of each operation while they last."""

    def __init__(self, app: ASGIApp, *, meter: RequestMeter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count and pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._meter.changed(scope[OPERATION], 1)
        try:
            await self._app(scope, receive, send)
        finally:
            self._meter.changed(scope[OPERATION], -1)
