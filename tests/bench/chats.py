"""Many streams at once, one word a second in each, and what others wait meanwhile.

`python -m tests.bench.chats`: a thousand of one worker. For more, which begin more slowly:
`--streams 5000 --workers 2 --pause 10 --words 25 --begin 180`.
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import requests

from storage.embedded import EmbeddedServer
from tests.bench.servers import ECHO, Server, free_port, started
from tests.support.server import PASSWORD

STREAMS, WORDS = 1000, 60
# Streams begin over so many seconds, as people do.
BEGIN_SECONDS = 30.0
WARM_SECONDS = 5.0
# Of the pieces alone: the last event has the whole answer once more.
WORD = re.compile(rb'"delta":\{"content":\[\{"type":"text","text":"([0-9 ]+)"')
KEYS = {
    "JWT_SECRET": "bench-only-" + "a1B2" * 8,
    "JWT_REFRESH_SECRET": "bench-only-" + "c3D4" * 8,
}


@dataclass
class Seen:
    """What readers saw, in milliseconds, and how many streams came to their end."""

    first: list[float] = field(default_factory=list)
    every: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    open: int = 0
    most: int = 0
    finals: int = 0


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def exchange(host: str, port: int, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    return reader, writer


def http(method: str, path: str, token: str, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: echo",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def one_stream(address: tuple[str, int], token: str, seen: Seen, delay: float) -> None:
    """Ask, and read to the end."""
    await asyncio.sleep(delay)
    began = time.monotonic()
    reader, writer = await exchange(*address, http("POST", "/api/agents/chat/openAI", token, {"text": "Hi"}))
    answer = await reader.read()
    writer.close()
    seen.starts.append((time.monotonic() - began) * 1000)
    stream_id = json.loads(answer.partition(b"\r\n\r\n")[2])["streamId"]
    reader, writer = await exchange(*address, http("GET", f"/api/agents/chat/stream/{stream_id}", token))
    here = time.monotonic_ns()
    seen.open += 1
    seen.most = max(seen.most, seen.open)
    is_first = True
    while data := await reader.read(65536):
        now = time.monotonic_ns()
        for words in WORD.findall(data):
            for word in words.split():
                if int(word) < here:
                    continue  # Said before the reader came.
                took = (now - int(word)) / 1e6
                seen.every.append(took)
                if is_first:
                    seen.first.append(took)
                    is_first = False
        seen.finals += data.count(b'"final":true')
    writer.close()
    seen.open -= 1


async def others(address: tuple[str, int], token: str, seen: Seen, enough: float) -> None:
    """Ten reads a second, as long as there are enough streams."""
    while True:
        await asyncio.sleep(0.1)
        if seen.open < enough:
            continue
        began = time.monotonic()
        reader, writer = await exchange(*address, http("GET", "/api/convos?limit=25", token))
        await reader.read()
        writer.close()
        seen.reads.append((time.monotonic() - began) * 1000)


async def drive(
    server: Server, token: str, workers: list[psutil.Process], streams: int, begin: float
) -> tuple[Seen, dict[str, float]]:
    """All streams at once; what was seen, and what they took of the workers together."""

    def memory() -> int:
        return sum(int(each.memory_full_info().uss) for each in workers)

    def cpu() -> float:
        return sum(sum(each.cpu_times()[:2]) for each in workers)

    parts = urlsplit(server.url)
    address, seen = (str(parts.hostname), int(parts.port or 80)), Seen()
    await warm_up([one_stream(address, token, Seen(), 0.0) for _ in range(20)])
    before = memory()
    reading = asyncio.create_task(others(address, token, seen, streams * 0.9))
    asked = [
        asyncio.create_task(one_stream(address, token, seen, begin * number / streams))
        for number in range(streams)
    ]
    await asyncio.sleep(begin + 4)
    started_at, used = time.monotonic(), cpu()
    await asyncio.sleep(10)
    busy = (cpu() - used) / (time.monotonic() - started_at)
    most = memory()
    await asyncio.gather(*asked)
    reading.cancel()
    return seen, {"kB": (most - before) / 1000 / streams, "cores": busy}


async def warm_up(streams: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Let some begin, and leave them: they may last for minutes."""
    tasks = [asyncio.create_task(each) for each in streams]
    await asyncio.wait(tasks, timeout=WARM_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def serving(
    directory: Path,
    words: int = WORDS,
    pause: float = 1.0,
    *,
    provider: str = "tests.bench.provider",
    config: str | None = None,
    workers: int = 1,
    connections: int = 2000,
) -> Iterator[Server]:
    """A database, the provider, and an Echo; `connections` are those that one address may have to a worker.

    `config` is the text of its `librechat.yaml`, in which `{port}` stands for the provider's.
    """
    with ExitStack() as stack:
        database = EmbeddedServer(directory / "mongodb")
        uri = database.start()
        stack.callback(database.stop)
        port = free_port()
        answering = subprocess.Popen(
            [
                *(sys.executable, "-m", provider, "--port", str(port)),
                *("--words", str(words), "--pause", str(pause)),
            ]
        )
        stack.callback(answering.wait)
        stack.callback(answering.terminate)
        environ = {
            **KEYS,
            "MONGO_URI": uri,
            "ECHO_DATA_DIR": str(directory),
            "ECHO_RATE_LIMITS": "off",
            "LIMIT_CONCURRENT_MESSAGES": "false",
            # All readers have one address here.
            "ECHO_MAX_CONNECTIONS": str(2 * connections),
            "ECHO_MAX_CONNECTIONS_PER_ADDRESS": str(connections),
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_REVERSE_PROXY": f"http://127.0.0.1:{port}/v1",
            "OPENAI_MODELS": "bench",
            "ENDPOINTS": "openAI,agents",
            "TITLE_CONVO": "false",
        }
        if config is not None:
            environ["CONFIG_PATH"] = str(directory / "librechat.yaml")
            Path(environ["CONFIG_PATH"]).write_text(config.replace("{port}", str(port)), encoding="utf-8")
        yield stack.enter_context(started(ECHO, workers, environ, directory / "echo.log"))


def sign_up(url: str) -> str:
    person = {"email": "ada@example.com", "password": PASSWORD}
    more = {"name": "ada", "confirm_password": PASSWORD}
    requests.post(f"{url}/api/auth/register", json={**person, **more}, timeout=30).raise_for_status()
    return str(requests.post(f"{url}/api/auth/login", json=person, timeout=30).json()["token"])


def measure(
    streams: int = STREAMS,
    workers: int = 1,
    pause: float = 1.0,
    words: int = WORDS,
    begin: float = BEGIN_SECONDS,
) -> dict[str, float]:
    """Run it once; the figures by their names."""
    with (
        tempfile.TemporaryDirectory(prefix="echo-bench-") as name,
        serving(Path(name), words, pause, workers=workers, connections=2 * streams) as server,
    ):
        seen, took = asyncio.run(drive(server, sign_up(server.url), server.all_workers(), streams, begin))
    return {
        "streams open at once": seen.most,
        "streams that ended well": seen.finals,
        "first word passed on, median ms": statistics.median(seen.first),
        "first word passed on, p99 ms": percentile(seen.first, 0.99),
        "every word passed on, median ms": statistics.median(seen.every),
        "every word passed on, p99 ms": percentile(seen.every, 0.99),
        "start, median ms": statistics.median(seen.starts),
        "conversation list meanwhile, median ms": statistics.median(seen.reads),
        "conversation list meanwhile, p99 ms": percentile(seen.reads, 0.99),
        "memory of the workers per stream, kB": took["kB"],
        "cores of the workers": took["cores"],
    }


def main() -> None:
    """Read how many, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.chats", description=__doc__)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two words (default 1)")
    parser.add_argument("--words", type=int, default=WORDS, help=f"of each answer (default {WORDS})")
    parser.add_argument("--begin", type=float, default=BEGIN_SECONDS, help="seconds in which they begin")
    given = parser.parse_args()
    for figure, value in measure(**vars(given)).items():
        print(f"{figure:42} {value:10.1f}")


if __name__ == "__main__":
    main()
