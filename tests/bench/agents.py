"""`python -m tests.bench.agents`: many runs of an agent at once in one worker, each with three calls of tools.

The agent has a tool of Echo's own process (the calculator) and one of an MCP server. The model and that server are in
a process of their own. Ten times a second a client asks for `/health`, which is answered on the event loop of the
worker: whatever holds that up is seen there.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

from tests.bench.chats import exchange, http, percentile, serving, sign_up
from tests.bench.servers import Server, cpu_seconds

RUNS, WORDS, PAUSE = 200, 30, 1.0
CONFIG = """\
version: 1.3.6
endpoints:
  agents:
    recursionLimit: 20
mcpServers:
  bench:
    type: streamable-http
    url: http://127.0.0.1:{port}/mcp
"""
TOOLS = ["calculator", "sys__all__sys_mcp_bench"]
# What a run must have said before it counts.
CALLS = 3


@dataclass
class Seen:
    """What readers saw, in milliseconds from the moment of asking, and how many runs came to their whole end."""

    starts: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    pings: list[float] = field(default_factory=list)
    complete: int = 0


@dataclass
class Held:
    """What the worker held at most."""

    rss: int = 0
    threads: int = 0

    def look(self, worker: psutil.Process) -> None:
        """Take down what it holds now."""
        self.rss = max(self.rss, worker.memory_info().rss)
        self.threads = max(self.threads, worker.num_threads())


async def one_run(address: tuple[str, int], token: str, agent_id: str, seen: Seen) -> None:
    """Ask, and read to the end."""
    began = time.monotonic()

    def took() -> float:
        return (time.monotonic() - began) * 1000

    body = {"text": "How much?", "agent_id": agent_id}
    reader, writer = await exchange(*address, http("POST", "/chat/api/agents/chat/agents", token, body))
    answer = await reader.read()
    writer.close()
    if b"streamId" not in answer:
        raise RuntimeError(answer.decode(errors="replace"))
    seen.starts.append(took())
    stream_id = json.loads(answer.partition(b"\r\n\r\n")[2])["streamId"]
    reader, writer = await exchange(*address, http("GET", f"/chat/api/agents/chat/stream/{stream_id}", token))
    said = b""
    while data := await reader.read(65536):
        is_first = b"event: " not in said
        said += data
        if is_first and b"event: " in said:
            seen.first.append(took())
    writer.close()
    seen.whole.append(took())
    done = said.count(b'"on_run_step_completed"')
    is_whole = done == CALLS and said.count(b"Error: ") == 0 and b'"final":true' in said
    seen.complete += is_whole and f"word{WORDS - 1} ".encode() in said


async def pings(address: tuple[str, int], seen: Seen, held: Held, worker: psutil.Process) -> None:
    """Ten questions a second for whether the worker is there."""
    while True:
        began = time.monotonic()
        reader, writer = await exchange(*address, http("GET", "/health", ""))
        await reader.read()
        writer.close()
        seen.pings.append((time.monotonic() - began) * 1000)
        held.look(worker)
        await asyncio.sleep(0.1)


async def drive(server: Server, runs: int) -> tuple[Seen, dict[str, float]]:
    """All runs at once; what was seen, and what they took of the worker."""
    worker = server.one_worker()
    token = await asyncio.to_thread(sign_up, server.url)
    agent_id = await asyncio.to_thread(make_agent, server.url, token)
    parts = urlsplit(server.url)
    address, seen, held = (str(parts.hostname), int(parts.port or 80)), Seen(), Held()
    await asyncio.gather(*(one_run(address, token, agent_id, Seen()) for _ in range(10)))
    before, threads, cpu = worker.memory_info().rss, worker.num_threads(), cpu_seconds(worker)
    pinging = asyncio.create_task(pings(address, seen, held, worker))
    began = time.monotonic()
    await asyncio.gather(*(one_run(address, token, agent_id, seen) for _ in range(runs)))
    seconds = time.monotonic() - began
    held.look(worker)
    pinging.cancel()
    return seen, {
        "all runs together, s": seconds,
        "memory at most per run, kB": (held.rss - before) / 1000 / runs,
        "threads before": threads,
        "threads at most": held.threads,
        "processor per run, ms": (cpu_seconds(worker) - cpu) * 1000 / runs,
        "cores of the worker": (cpu_seconds(worker) - cpu) / seconds,
    }


def make_agent(url: str, token: str) -> str:
    """An agent with the tools; its id."""
    about = {"name": "Bench", "provider": "openAI", "model": "bench", "instructions": "Calculate."}
    answer = requests.post(
        f"{url}/chat/api/agents",
        json={**about, "tools": TOOLS},
        headers={"Authorization": f"Bearer {token}", "User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/120.0"},
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def measure(runs: int) -> dict[str, float]:
    """Run it once; the figures by their names."""
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as name:
        more = {"provider": "tests.bench.toolmaker", "config": CONFIG}
        with serving(Path(name), WORDS, PAUSE, **more) as server:
            seen, took = asyncio.run(drive(server, runs))
    return {
        "runs that came to their whole end": seen.complete,
        "start, median ms": statistics.median(seen.starts),
        "first event, median ms": statistics.median(seen.first),
        "first event, p99 ms": percentile(seen.first, 0.99),
        "whole run, median ms": statistics.median(seen.whole),
        "whole run, p99 ms": percentile(seen.whole, 0.99),
        "/health meanwhile, median ms": statistics.median(seen.pings),
        "/health meanwhile, longest ms": max(seen.pings),
        **took,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    for figure, value in measure(parser.parse_args().runs).items():
        print(f"{figure:42} {value:10.1f}")
