"""Counting requests: how many, how long, how many at the moment."""

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
        self._in_flight: dict[str, Any] = {}

    def ended(self, operation: Operation | None, method: str, status: int | None, seconds: float) -> None:
        """Count an answered request; `method` is the client's own, HEAD included."""
        # The method is the client's word too, unless it has led to an operation.
        key = (operation.id, method, status) if operation else (UNKNOWN, UNKNOWN, status)
        child = self._durations.get(key)
        if child is None:
            labels = _labels(operation, method)
            child = self._instruments.requests.labels(*labels, status or CLIENT_CLOSED)
            self._durations[key] = child
        child.observe(seconds)

    def in_flight(self, operation: Operation) -> Any:
        """The gauge of an operation's requests under way."""
        child = self._in_flight.get(operation.id)
        if child is None:
            child = self._instruments.in_flight.labels(*_labels(operation, operation.method))
            self._in_flight[operation.id] = child
        return child


def _labels(operation: Operation | None, method: str) -> tuple[str, str, str]:
    if operation is None:
        return UNKNOWN, UNKNOWN, UNKNOWN
    return operation.id, operation.path, method


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
        gauge = self._meter.in_flight(scope[OPERATION])
        gauge.inc()
        try:
            await self._app(scope, receive, send)
        finally:
            gauge.dec()
