"""One run of the load generator `wrk` over a list of requests."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SCRIPT = Path(__file__).with_name("requests.lua")
TIMEOUT_SECONDS = 20


class WrkMissing(RuntimeError):
    """There is no wrk on this machine."""


@dataclass(frozen=True)
class Request:
    """One request; `body` is sent as it is."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def wire(self, host: str) -> bytes:
        """The request in HTTP/1.1, ready to be sent."""
        headers = {"Host": host, **self.headers}
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            headers["Content-Length"] = str(len(self.body))
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Outcome:
    """What one run measured; times in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    bad_statuses: int
    broken: int
    timeouts: int

    @property
    def per_second(self) -> float:
        """Requests answered per second, whatever the answer."""
        return self.requests / self.seconds

    @property
    def errors(self) -> int:
        """Answers of 400 and above, broken connections, and requests without any answer."""
        return self.bad_statuses + self.broken + self.timeouts


def drive(url: str, requests: Sequence[Request], *, seconds: float, connections: int = 16) -> Outcome:
    """Send the requests in turn over so many connections, each waiting for its answer.

    wrk knows whole seconds only. Raises `WrkMissing`.
    """
    if not (wrk := shutil.which("wrk")):
        raise WrkMissing("The benchmark needs wrk: apt-get install wrk")
    host = urlsplit(url).netloc
    with tempfile.NamedTemporaryFile("wb", suffix=".requests") as file:
        for request in requests:
            wire = request.wire(host)
            file.write(str(len(wire)).encode() + b"\n" + wire)
        file.flush()
        command = [
            wrk,
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            f"--timeout={TIMEOUT_SECONDS}s",
        ]
        run = subprocess.run(
            [*command, "-s", str(SCRIPT), url, "--", file.name], capture_output=True, text=True, check=True
        )
    [result] = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    return Outcome(**json.loads(result.removeprefix("RESULT ")))


def drive_beside(
    url: str, measured: Sequence[Request], beside: Sequence[Request], *, seconds: float
) -> tuple[Outcome, Outcome]:
    """Two loads at once, of sixteen connections each."""
    with ThreadPoolExecutor(2) as threads:
        other = threads.submit(drive, url, beside, seconds=seconds)
        first = threads.submit(drive, url, measured, seconds=seconds)
        return first.result(), other.result()
