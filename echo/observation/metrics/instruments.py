"""The instruments themselves. Names and units follow Prometheus; where LibreChat has the same, its name is kept."""

import asyncio
import os
import resource
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from echo.observation.metrics import allocated
from echo.observation.metrics.batches import BatchedHistogram
from echo.observation.metrics.shared import DIRECTORY

# Seconds. A read takes a millisecond, a login a third of a second, a stream as long as a model writes.
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
COMMAND_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
PROVIDER_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
JOB_SECONDS = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600)
# How often a worker writes down its memory, processor time and requests under way.
SAMPLE_SECONDS = 2.0
DURATION, TOTAL = "http_request_duration_seconds", "http_requests"
_STATM = Path("/proc/self/statm")


class Instruments:
    """Everything that is counted in this process, in one registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()
        allocated.install()
        self.registry = CollectorRegistry()
        self._shared = os.environ.get(DIRECTORY)
        self.requests = self._batched(
            DURATION,
            "Time from a request's first byte to its answer's last, by operation of the contract.",
            ("operation", "path", "method", "status"),
            REQUEST_SECONDS,
        )
        self.in_flight = self._gauge(
            "http_requests_in_flight", "Requests that are being answered.", ("operation", "path", "method")
        )
        self.refusals = self._counter(
            "echo_rate_limit_refusals", "Requests refused by a rate limit.", ("limit",)
        )
        self.commands = self._batched(
            "echo_mongodb_command_duration_seconds",
            "Time of a MongoDB command, the network included.",
            ("command", "collection", "outcome"),
            COMMAND_SECONDS,
        )
        self.provider_calls = self._histogram(
            "echo_provider_call_duration_seconds",
            "Time of a call of a provider, to the end of its answer.",
            ("provider", "call", "outcome"),
            PROVIDER_SECONDS,
        )
        self.first_chunks = self._histogram(
            "echo_provider_first_chunk_seconds",
            "Time from asking a provider to the first chunk of its stream.",
            ("provider",),
            PROVIDER_SECONDS,
        )
        self.jobs = self._histogram(
            "echo_job_duration_seconds", "Time of a job, by how it ended.", ("job", "outcome"), JOB_SECONDS
        )
        self.jobs_running = self._gauge("echo_jobs_running", "Jobs that are running.", ("job",))
        self.job_items = self._counter(
            "echo_job_items", "What jobs have got done, in their own units.", ("job",)
        )
        self._add_process()

    def _add_process(self) -> None:
        self.memory = Gauge(
            "process_resident_memory_bytes",
            "Resident memory of a worker.",
            registry=self.registry,
            multiprocess_mode="liveall",
        )
        self.cpu = self._counter(
            "process_cpu_seconds", "Processor time of the workers, those that ended included."
        )
        self._cpu_counted = 0.0
        self._before_sampling: list[Callable[[], None]] = []
        self._sampling = threading.Lock()
        self._gauge("echo_workers", "Workers that are running.").inc()
        self._counter("echo_worker_starts", "Workers that were started.").inc()
        self.sample()

    def _histogram(
        self, name: str, text: str, labels: Iterable[str], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def _batched(
        self, name: str, text: str, labels: Iterable[str], buckets: tuple[float, ...]
    ) -> BatchedHistogram:
        return BatchedHistogram(name, text, labels, buckets=buckets, registry=self.registry)

    def _counter(self, name: str, text: str, labels: Iterable[str] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode="livesum")

    def before_sampling(self, write: Callable[[], None]) -> None:
        """Call this from any thread before each sample, to write what is not written at once."""
        self._before_sampling.append(write)

    def sample(self) -> None:
        """Write down this process's memory and processor time, and what was asked for by `before_sampling`."""
        with self._sampling:
            for write in (*self._before_sampling, self.requests.flush, self.commands.flush):
                write()
            used = resource.getrusage(resource.RUSAGE_SELF)
            seconds = used.ru_utime + used.ru_stime
            self.cpu.inc(max(0.0, seconds - self._cpu_counted))
            self._cpu_counted = seconds
        if _STATM.exists():
            self.memory.set(int(_STATM.read_text().split()[1]) * resource.getpagesize())

    async def sample_forever(self) -> None:
        """Sample now and then, until cancelled: another worker, asked for all counts, cannot do it for this one."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    def render(self) -> str:
        """The counts of all workers, or of this process alone, in Prometheus' text format."""
        self.sample()
        registry = CollectorRegistry()
        source: Any = MultiProcessCollector(None, self._shared) if self._shared else self.registry
        registry.register(WithTotals(source))
        return str(generate_latest(registry).decode())


class WithTotals:
    """A source of metrics, with LibreChat's `http_requests_total` beside the histogram that has the same counts."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def describe(self) -> list[Metric]:
        """Nothing: the registry need not collect once to know the names."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The source's metrics and the totals."""
        for metric in self._source.collect():
            yield metric
            if metric.name == DURATION:
                yield totals_of(metric)


def totals_of(durations: Metric) -> Metric:
    """The counter that a histogram implies."""
    totals = Metric(TOTAL, "Requests, by operation of the contract.", "counter")
    for sample in durations.samples:
        if sample.name == f"{DURATION}_count":
            totals.add_sample(f"{TOTAL}_total", sample.labels, sample.value)
    return totals
