"""Results: collected, shown as a table, saved as JSON with the machine's facts, compared with a saved run."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import psutil

PACKAGES = (
    "connexion",
    "flask",
    "starlette",
    "uvicorn",
    "pymongo",
    "jsonschema-rs",
    "orjson",
    "bcrypt",
    "fastapi",
)


@dataclass(frozen=True)
class Row:
    """One scenario on one server: medians over the rounds. CPU in milliseconds per request, memory in MB."""

    server: str
    workers: int
    scenario: str
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    server_cpu_ms: float
    database_cpu_ms: float
    memory_mb: list[float]

    @property
    def key(self) -> str:
        """What identifies the measurement in another run."""
        return f"{self.server}, {self.workers}: {self.scenario}"


@dataclass
class Results:
    """All rows, and figures that are no rows: `facts`."""

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def find(self, server: str, workers: int, scenario: str) -> Row | None:
        """A row, if it was measured."""
        matching = (
            row for row in self.rows if (row.server, row.workers, row.scenario) == (server, workers, scenario)
        )
        return next(matching, None)

    def table(self) -> str:
        """The rows as a Markdown table, then the facts."""
        head = (
            "scenario",
            "server",
            "workers",
            "req/s",
            "p50 ms",
            "p99 ms",
            "errors",
            "CPU ms",
            "DB CPU ms",
            "MB",
        )
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        lines += [f"| {' | '.join(map(str, cells(row)))} |" for row in sorted(self.rows, key=order)]
        return "\n".join([*lines, "", *(f"- {name}: {value}" for name, value in self.facts.items())])

    def save(self, path: Path) -> None:
        """Write all as JSON."""
        content = {"machine": machine(), "facts": self.facts, "rows": [asdict(row) for row in self.rows]}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def compare(self, path: Path) -> str:
        """The ratios of this run's throughput to a saved run's."""
        saved = [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]
        before = {row.key: row.per_second for row in saved}
        return "\n".join(
            f"{row.per_second / before[row.key]:6.2f} x  {row.key}" for row in self.rows if row.key in before
        )


def cells(row: Row) -> Iterable[Any]:
    """A row's cells, rounded as far as they mean something."""
    return (
        row.scenario,
        row.server,
        row.workers,
        f"{row.per_second:.0f}",
        f"{row.p50_ms:.1f}",
        f"{row.p99_ms:.1f}",
        row.errors,
        f"{row.server_cpu_ms:.2f}",
        f"{row.database_cpu_ms:.2f}",
        f"{sum(row.memory_mb):.0f}",
    )


def order(row: Row) -> tuple[str, int]:
    """What belongs together stands together."""
    return row.scenario, row.workers


def middle(rows: list[Row]) -> Row:
    """The row of the median throughput, with the errors of all."""
    wanted = median(row.per_second for row in rows)
    nearest = min(rows, key=lambda row: abs(row.per_second - wanted))
    return Row(**{**asdict(nearest), "errors": sum(row.errors for row in rows)})


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """The model's name, as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
