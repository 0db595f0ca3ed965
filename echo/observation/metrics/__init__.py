"""What Echo counts about itself, for Prometheus. Nothing is counted, and nothing imported for it, until `switch_on`.

Whatever can be counted has a function here, which any thread may call and which costs a comparison while metrics are
off. Labels are bounded: names of operations, of settings and of our own code, never what a client sent.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echo.observation.metrics.instruments import Instruments

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OK, FAILED, STOPPED = "ok", "failed", "stopped"

_instruments: "Instruments | None" = None


def switch_on() -> "Instruments":
    """Count from now on, in this process. Calling it again changes nothing.

    What `echo.observation.metrics.shared` has put into the environment decides whether the counts are those of one
    process or of all workers together.
    """
    global _instruments  # noqa: PLW0603 - the one switch of the process
    if _instruments is None:
        # Imported here: the library reads the environment when it is imported, and takes 4 MB.
        from echo.observation.metrics.instruments import Instruments  # noqa: PLC0415

        _instruments = Instruments()
    return _instruments


def render() -> str:
    """All counts in Prometheus' text format; nothing while metrics are off."""
    return _instruments.render() if _instruments else ""


def observe_provider(name: str, seconds: float, outcome: str, *, call: str = "chat") -> None:
    """Count a call of a provider: `outcome` is "ok", "busy" (its own limit), "failed" or "stopped" (by us).

    `name` is the endpoint's of the settings, `call` what it was for, as `echo.providers.calls` says.
    """
    if _instruments:
        _instruments.provider_calls.labels(name, call, outcome).observe(seconds)


def observe_first_chunk(name: str, seconds: float) -> None:
    """Count how long a provider took from being asked until the first chunk of a stream."""
    if _instruments:
        _instruments.first_chunks.labels(name).observe(seconds)


def count_refusal(limit: str) -> None:
    """Count a request that was refused by the rate limit of this name."""
    if _instruments:
        _instruments.refusals.labels(limit).inc()


class Jobs:
    """Work that lasts longer than a request, or that nobody waits for: imports, titles, chat runs."""

    @contextmanager
    def running(self, job: str) -> Iterator[None]:
        """Count a job while it runs, and how it ended: "ok", "failed" (an exception), "stopped" (cancelled)."""
        if _instruments is None:
            yield
            return
        running, began = _instruments.jobs_running.labels(job), time.perf_counter()
        outcome = STOPPED
        running.inc()
        try:
            yield
            outcome = OK
        except Exception:
            outcome = FAILED
            raise
        finally:
            running.dec()
            self.ended(job, time.perf_counter() - began, outcome)

    def ended(self, job: str, seconds: float, outcome: str) -> None:
        """Count a job that has ended, for one that `running` cannot enclose."""
        if _instruments:
            _instruments.jobs.labels(job, outcome).observe(seconds)

    def progressed(self, job: str, items: int = 1) -> None:
        """Count what a job has got done: conversations imported, messages exported, tokens received."""
        if _instruments and items > 0:
            _instruments.job_items.labels(job).inc(items)


jobs = Jobs()
