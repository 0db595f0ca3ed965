"""Traces for OpenTelemetry, where the `[otel]` extra is installed and the standard variables ask for them.

Otherwise everything here does nothing, and nothing of OpenTelemetry is imported. Spans carry names, statuses and
times: no bodies, no query strings, no headers, no values of commands, no texts of exceptions.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from echo.observation.tracing.otel import Tracing

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_tracing: "Tracing | None" = None


def asked_for(variables: Mapping[str, str]) -> bool:
    """Whether the variables name a receiver, and do not switch it off again."""
    off = (
        variables.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or variables.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return not off and any(variables.get(name) for name in ENDPOINTS)


def switch_on(variables: Mapping[str, str]) -> "Tracing | None":
    """Trace from now on, in this process, if these variables ask for it; None if not, or without the extra."""
    global _tracing  # noqa: PLW0603 - the one switch of the process
    if _tracing is None and asked_for(variables):
        # Those of a `.env` too: the library looks at the environment only.
        for name, value in variables.items():
            os.environ.setdefault(name, value)
        try:
            from echo.observation.tracing.otel import Tracing  # noqa: PLC0415
        except ImportError:
            log.warning("OTEL_ variables ask for traces, but the extra echo-api[otel] is not installed")
            return None
        _tracing = Tracing(on_close=_switch_off)
    return _tracing


def _switch_off() -> None:
    global _tracing  # noqa: PLW0603 - see switch_on
    _tracing = None


@contextmanager
def span(name: str, *, current: bool = True, **attributes: str) -> Iterator[None]:
    """A span around a call of something outside, or a job; dots of an attribute's name are written as `__`.

    If `current`, what happens inside belongs to it; it must then begin and end in one task.
    """
    if _tracing is None:
        yield
        return
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    with _tracing.span(name, named, current=current):
        yield


def outgoing_headers() -> dict[str, str]:
    """What a request to another service carries so that its trace joins ours (W3C Trace Context)."""
    return _tracing.outgoing_headers() if _tracing else {}
