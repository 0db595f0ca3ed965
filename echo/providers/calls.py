"""Calls of providers, timed and traced."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from echo.errors import ServiceUnavailable, TooManyRequests
from echo.observation import metrics, tracing

BUSY = "busy"


@contextmanager
def calling(provider: str, call: str, *, current: bool = True) -> Iterator[None]:
    """Count and trace a call of a provider from being asked to the end of its answer; what it raises passes through.

    `call` says what for: "chat", "title", "models", "speech" (to text), "dictation" (the same as a stream), "tts",
    "embeddings", "images". For a stream it may enclose all of the stream, and is then not made `current`: another
    task may read on than began.
    """
    began = time.perf_counter()
    # What is neither an end nor an error is a cancellation: the client, or the server, has stopped it.
    outcome = metrics.STOPPED
    try:
        with tracing.span(f"{call} {provider}", current=current, echo__provider=provider, echo__call=call):
            yield
        outcome = metrics.OK
    except Exception as error:
        outcome = outcome_of(error)
        raise
    finally:
        metrics.observe_provider(provider, time.perf_counter() - began, outcome, call=call)


def outcome_of(error: Exception) -> str:
    """ "busy" for the provider's own limit, "failed" for everything else."""
    limited = isinstance(error, TooManyRequests) or (
        isinstance(error, ServiceUnavailable) and error.code == "provider_busy"
    )
    return BUSY if limited else metrics.FAILED
