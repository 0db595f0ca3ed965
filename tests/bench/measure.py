"""Measuring: which servers run, what they are sent, in which order."""

import secrets
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import bcrypt
import psutil
import requests

from storage.core.database import Database
from storage.embedded import EmbeddedServer
from tests.bench import scenarios, servers
from tests.bench.load import Outcome, drive, drive_beside
from tests.bench.results import Results, Row, middle
from tests.bench.scenarios import Scenario, User
from tests.bench.seed import PASSWORD, Seeded, seed
from tests.bench.servers import ECHO, FASTAPI, FLASK, Server

# A write is measured for a shorter time: what it leaves behind makes the next one's work larger.
WRITE_SHARE = 0.5


@dataclass(frozen=True)
class Bench:
    """A seeded database and all that servers need to run on it."""

    environ: dict[str, str]
    seeded: Seeded
    database: psutil.Process
    directory: Path
    seconds: float
    rounds: int

    def start(self, stack: ExitStack, name: str, workers: int) -> Server:
        """A server that runs until the stack unwinds."""
        log = self.directory / f"{name.replace(' ', '-')}-{workers}.log"
        return stack.enter_context(servers.started(name, workers, self.environ, log))

    def as_installed(self) -> "Bench":
        """The bench with the access log that Echo writes by default; services beside it write none."""
        environ = {name: value for name, value in self.environ.items() if name != "ECHO_LOG_LEVEL"}
        return replace(self, environ=environ)

    def user(self, server: Server, name: str) -> User:
        """A seeded user, logged in."""
        email = getattr(self.seeded, name)["email"]
        answer = requests.post(
            f"{server.url}/api/auth/login", json={"email": email, "password": PASSWORD}, timeout=30
        )
        return User(answer.json()["token"], email, PASSWORD)

    def measure(self, results: Results, running: Iterable[Server], todo: Iterable[Scenario]) -> None:
        """Each scenario on each server, in turn, so that a slow moment of the machine hits all alike."""
        running = list(running)
        for scenario in todo:
            seconds = self.seconds * (WRITE_SHARE if scenario.writes else 1)
            for server in running:
                drive(server.url, scenario.requests, seconds=1)
            rounds = [
                [self._one(server, scenario, seconds) for server in running] for _ in range(self.rounds)
            ]
            results.rows += [middle(list(rows)) for rows in zip(*rounds, strict=True)]
            results.facts |= ratios(rounds)

    def _one(self, server: Server, scenario: Scenario, seconds: float) -> Row:
        server_before, database_before = server.cpu_seconds(), servers.cpu_seconds(self.database)
        outcome = drive(server.url, scenario.requests, seconds=seconds, connections=scenario.connections)
        used = server.cpu_seconds() - server_before, servers.cpu_seconds(self.database) - database_before
        return row_of(server, scenario, outcome, used)


def ratios(rounds: list[list[Row]]) -> dict[str, float]:
    """Echo's throughput by that of each other server: the median over the rounds, since the machine changes."""
    by_server = [{row.server: row for row in rows} for rows in rounds]
    first = rounds[0][0]
    return {
        f"{first.scenario}, {first.workers} workers: echo / {name}": round(
            statistics.median(rows[ECHO].per_second / rows[name].per_second for rows in by_server), 2
        )
        for name in by_server[0]
        if name != ECHO
    }


def row_of(server: Server, scenario: Scenario, outcome: Outcome, used: tuple[float, float]) -> Row:
    """A result of one round; `used` is what server and database took of the processors, in seconds."""
    server_cpu, database_cpu = (round(seconds * 1000 / max(1, outcome.requests), 3) for seconds in used)
    return Row(
        server=server.name,
        workers=server.workers,
        scenario=scenario.name,
        per_second=round(outcome.per_second, 1),
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        errors=outcome.errors,
        server_cpu_ms=server_cpu,
        database_cpu_ms=database_cpu,
        memory_mb=server.memory_mb(),
    )


@contextmanager
def prepared(seconds: float, rounds: int) -> Iterator[Bench]:
    """A bench on a fresh embedded MongoDB."""
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as name:
        directory = Path(name)
        embedded = EmbeddedServer(directory / "mongodb")
        uri = embedded.start()
        try:
            database = Database(uri)
            seeded = seed(database)
            database.close()
            [process] = [each for each in psutil.Process().children() if each.name() == "mongod"]
            environ = {
                "MONGO_URI": uri,
                "JWT_SECRET": secrets.token_hex(32),
                "JWT_REFRESH_SECRET": secrets.token_hex(32),
                "SESSION_EXPIRY": str(24 * 3600 * 1000),
                "ECHO_RATE_LIMITS": "off",
                "ECHO_DATA_DIR": str(directory / "data"),
                "ECHO_LOG_LEVEL": "warning",
            }
            yield Bench(environ, seeded, process, directory, seconds, rounds)
        finally:
            embedded.stop()


def compare_reads(bench: Bench, results: Results, workers: int) -> None:
    """The two lists on every server."""
    with ExitStack() as stack:
        running = [bench.start(stack, name, workers) for name in (ECHO, FASTAPI, FLASK)]
        user = bench.user(running[0], "user")
        bench.measure(results, running, scenarios.reads(running[0].url, user))


def scaling(bench: Bench, results: Results) -> None:
    """What one worker does of that which needs little or no database; `out_of_the_box` has it with one per core."""
    with ExitStack() as stack:
        server = bench.as_installed().start(stack, ECHO, 1)
        results.facts["MB after start, one worker (master, worker)"] = server.memory_mb()
        light = ("health", "user", "config")
        todo = scenarios.others(server.url, bench.user(server, "user"))
        bench.measure(results, [server], [each for each in todo if each.name in light])


def out_of_the_box(bench: Bench, results: Results, workers: int) -> None:
    """Everything else, on Echo with its own defaults."""
    bench = bench.as_installed()
    with ExitStack() as stack:
        running = [bench.start(stack, ECHO, workers)]
        url = running[0].url
        few, many, user = (bench.user(running[0], name) for name in ("few", "many", "user"))
        results.facts["seconds from start to first answer"] = round(running[0].start_seconds, 2)
        results.facts["MB after start (master, workers)"] = running[0].memory_mb()
        bench.measure(results, running, [*scenarios.depths(url, few, many), *scenarios.others(url, user)])


def logins(bench: Bench, results: Results, workers: int) -> None:
    """What logins reach of bcrypt alone, and what reads keep while sixteen clients log in without pause."""
    with ExitStack() as stack:
        server = bench.start(stack, ECHO, workers)
        user = bench.user(server, "user")
        login = [scenarios.login(user)]
        [reads, _] = scenarios.reads(server.url, user)
        drive(server.url, reads.requests, seconds=1)
        alone = drive(server.url, reads.requests, seconds=bench.seconds)
        hashes = hashes_per_second(workers, bench.seconds)
        only = drive(server.url, login, seconds=bench.seconds)
        beside, _ = drive_beside(server.url, reads.requests, login, seconds=bench.seconds)
    results.facts |= {
        "bcrypt alone, hashes per second": round(hashes, 1),
        "logins per second of bcrypt alone": round(only.per_second / hashes, 2),
        "reads beside logins, of reads alone": round(beside.per_second / alone.per_second, 2),
        "reads beside logins, p99 in ms": beside.p99_ms,
    }


def hashes_per_second(threads: int, seconds: float) -> float:
    """How often bcrypt checks a password with so many threads."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10))
    end = time.perf_counter() + seconds

    def check() -> int:
        count = 0
        while time.perf_counter() < end:
            bcrypt.checkpw(PASSWORD.encode(), hashed)
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda _: check(), range(threads))) / seconds


def soak(bench: Bench, results: Results, workers: int, count: int) -> None:
    """Memory after so many requests of mixed traffic, in steps."""
    with ExitStack() as stack:
        server = bench.start(stack, ECHO, workers)
        user = bench.user(server, "user")
        mixed = scenarios.mixed(user, scenarios.Discovery(server.url, user).ids)
        done, steps = 0, [server.memory_mb()]
        while done < count:
            done += drive(server.url, mixed, seconds=bench.seconds * 4).requests
            steps.append(server.memory_mb())
        results.facts[f"MB in steps up to {done} requests (master, workers)"] = steps[
            :: max(1, len(steps) // 8)
        ]


def target(results: Results, url: str, user: User, seconds: float) -> None:
    """The same requests on any server of the same API."""
    server = Server(name=url, workers=0, url=url, process=None, start_seconds=0)
    for scenario in [*scenarios.reads(url, user), *scenarios.others(url, user)]:
        outcome = drive(url, scenario.requests, seconds=seconds, connections=scenario.connections)
        results.rows.append(row_of(server, scenario, outcome, (0, 0)))
