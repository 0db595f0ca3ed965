"""The servers that are compared, and what they cost: CPU seconds and memory by process."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
ECHO, FASTAPI, FLASK = "echo", "FastAPI", "Flask"
# Threads of the Flask service: eight in all, as a person would set it on two cores.
FLASK_THREADS = 8


@dataclass
class Server:
    """A started server: the process that was started, None for one elsewhere, and its workers."""

    name: str
    workers: int
    url: str
    process: psutil.Process | None
    start_seconds: float

    def all_workers(self) -> list[psutil.Process]:
        """The workers, which are forked from what has loaded everything."""
        children = self.process.children() if self.process else []
        [nursery] = [each for each in children if "forkserver" in " ".join(each.cmdline())]
        return list(nursery.children())

    def one_worker(self) -> psutil.Process:
        """One of them."""
        return self.all_workers()[0]

    def parts(self) -> list[psutil.Process]:
        """The process and those under it that are Python's, the helpers of `multiprocessing` left out."""
        if self.process is None:
            return []
        children = self.process.children(recursive=True)
        return [
            self.process,
            *(each for each in children if "resource_tracker" not in " ".join(each.cmdline())),
        ]

    def cpu_seconds(self) -> float:
        """What all of them have used so far."""
        return sum(cpu_seconds(each) for each in self.parts())

    def memory_mb(self) -> list[float]:
        """The memory of each, the started process first; what several share is divided among them (PSS)."""
        return [round(each.memory_full_info().pss / 1e6, 1) for each in self.parts()]


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time."""
    times = process.cpu_times()
    return float(times.user + times.system)


def command(name: str, workers: int, port: int) -> list[str]:
    """How a server is started."""
    python, count, listen = sys.executable, str(workers), str(port)
    if name == ECHO:
        return [python, "-m", "echo", "serve", "--port", listen, "--workers", count]
    if name == FASTAPI:
        service = "tests.bench.reference.fastapi_service:app"
        options = ["--workers", count, "--no-access-log", "--log-level", "warning"]
        return [python, "-m", "uvicorn", service, "--port", listen, *options]
    service = "tests.bench.reference.flask_service:app"
    threads = str(FLASK_THREADS // workers)
    options = [
        "--worker-class",
        "gthread",
        "--threads",
        threads,
        "--workers",
        count,
        "--log-level",
        "warning",
    ]
    return [python, "-m", "gunicorn", service, "--bind", f"127.0.0.1:{listen}", *options]


@contextmanager
def started(name: str, workers: int, environ: Mapping[str, str], log: Path) -> Iterator[Server]:
    """A running server, stopped in the end. Raises `RuntimeError` when it does not answer in time."""
    port = free_port()
    began = time.perf_counter()
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            command(name, workers, port),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
            cwd=log.parent,
            stdout=stderr,
            stderr=stderr,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        seconds = wait_until_healthy(url, process, began, log)
        yield Server(name, workers, url, psutil.Process(process.pid), seconds)
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], began: float, log: Path) -> float:
    """Seconds from the start of the process to its first answer."""
    while time.perf_counter() - began < START_SECONDS and process.poll() is None:
        try:
            if requests.get(f"{url}/health", timeout=2).ok:
                return time.perf_counter() - began
        except requests.RequestException:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not answer:\n{log.read_text(errors='replace')[-4000:]}")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
