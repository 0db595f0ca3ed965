"""`python -m tests.bench.programs`: `/v1` beside its provider, and beside a pass-through written by hand.

Whole completions a second, by one and by many at a time; the time to the first word of a stream; the memory of an
open stream. Provider, pass-through and Echo are processes of their own, and are asked in turn.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web

from storage.embedded import EmbeddedServer
from tests.bench.chats import KEYS, percentile, sign_up
from tests.bench.servers import ECHO, ROOT, free_port, started

USAGE = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
HEAD = {"id": "chatcmpl-bench", "created": 1_700_000_000, "model": "bench"}


def question(words: str) -> dict[str, Any]:
    """A request whose words tell the provider at which pace to write."""
    return {"model": "openAI/bench", "messages": [{"role": "user", "content": words}]}


# Echo asks for a stream also where it is to answer as a whole: one at once, with as many words.
WHOLE, PACED, LONG = "at once", "paced", "long"
# Ten words of a paced stream in a second: with 64 at a time, 64 begin each second.
PAUSE, WORDS = 0.1, 10


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """A piece of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return (
        b"data: %b\n\n"
        % json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [choice]}).encode()
    )


async def complete(request: web.Request) -> web.StreamResponse:
    """What the provider answers: at once, or as a stream of words that ends at once, after a second or a minute."""
    asked = await request.json()
    if not asked.get("stream"):
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
        }
        return web.json_response({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE})
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    # Nobody reads the long ones to their end.
    with suppress(ConnectionError):
        pace = asked["messages"][0]["content"]
        for _ in range(600 if pace == LONG else WORDS):
            await answer.write(event({"content": "word "}))
            if pace != WHOLE:
                await asyncio.sleep(PAUSE)
        await answer.write(event({}, "stop") + b"data: [DONE]\n\n")
    return answer


def passing(base: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The pass-through: it looks at nothing, and keeps connections."""
    sessions: list[aiohttp.ClientSession] = []

    async def forward(request: web.Request) -> web.StreamResponse:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        headers = {"Content-Type": "application/json"}
        async with sessions[0].post(
            base + "/v1/chat/completions", data=await request.read(), headers=headers
        ) as got:
            answer = web.StreamResponse(
                status=got.status, headers={"Content-Type": got.headers["Content-Type"]}
            )
            await answer.prepare(request)
            async for piece in got.content.iter_any():
                await answer.write(piece)
        return answer

    return forward


def serve(port: int, base: str | None) -> None:
    """Be the provider, or the pass-through before it."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", passing(base) if base else complete)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, backlog=4096)


@contextmanager
def serving(base: str | None) -> Iterator[str]:
    """One of both as a process; its address."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.programs", "--port", str(port)]
    process = subprocess.Popen([*command, *(["--before", base] if base else [])], cwd=ROOT)
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens there."""
    found = psutil.Process(process.pid)
    while process.poll() is None:
        if any(each.laddr.port == port for each in found.net_connections() if each.status == "LISTEN"):
            return
        time.sleep(0.05)
    raise RuntimeError("It ended before it listened.")


@dataclass
class Asked:
    """Somebody who answers, and how to ask."""

    name: str
    url: str
    session: aiohttp.ClientSession

    async def whole(self) -> None:
        """A whole completion."""
        async with self.session.post(f"{self.url}/v1/chat/completions", json=question(WHOLE)) as answer:
            await answer.read()
            answer.raise_for_status()

    async def first_word(self) -> float:
        """Milliseconds to the first word of a stream, which is read to its end."""
        began = time.perf_counter()
        async with self.session.post(
            f"{self.url}/v1/chat/completions", json={**question(PACED), "stream": True}
        ) as answer:
            answer.raise_for_status()
            while b"word" not in await answer.content.readline():
                pass
            took = (time.perf_counter() - began) * 1000
            await answer.read()
        return took


async def per_second(asked: Asked, at_a_time: int, seconds: float) -> float:
    """Whole completions a second with so many clients, each of which asks again when it is answered."""
    end, done = time.perf_counter() + seconds, 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await asked.whole()
            done += 1

    await asyncio.gather(*(client() for _ in range(at_a_time)))
    return done / seconds


async def first_words(asked: Asked, at_a_time: int, seconds: float) -> list[float]:
    """The times to the first word, in milliseconds, of streams that begin evenly."""
    each = max(2, round(seconds / (PAUSE * WORDS)))

    async def client(number: int) -> list[float]:
        await asyncio.sleep(PAUSE * WORDS * number / at_a_time)
        return [await asked.first_word() for _ in range(each)]

    found = await asyncio.gather(*(client(number) for number in range(at_a_time)))
    return [took for times in found for took in times]


async def memory(asked: Asked, process: psutil.Process, streams: int) -> float:
    """Kilobytes of a process for each open stream."""
    body = {**question(LONG), "stream": True}
    before, answers = process.memory_info().rss, []
    for _ in range(streams):
        answer = await asked.session.post(f"{asked.url}/v1/chat/completions", json=body)
        answer.raise_for_status()
        answers.append(answer)
    found = (process.memory_info().rss - before) / streams / 1000
    for answer in answers:
        answer.close()
    return found


async def measure(
    urls: dict[str, str], token: str, worker: psutil.Process, given: argparse.Namespace
) -> None:
    """All figures, printed as they come."""
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {token}"}, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        everyone = [Asked(name, url, session) for name, url in urls.items()]
        for at_a_time in (1, 64):
            for asked in everyone:
                await asked.whole()
                rates = [await per_second(asked, at_a_time, given.seconds) for _ in range(given.rounds)]
                print(f"{asked.name}, {at_a_time} at a time: {statistics.median(rates):.0f} completions/s")
            direct: list[float] = []
            for asked in everyone:
                times = await first_words(asked, at_a_time, given.seconds)
                direct = direct or times
                added = [percentile(times, share) - percentile(direct, share) for share in (0.5, 0.99)]
                print(
                    f"{asked.name}, {at_a_time} at a time: first word after {percentile(times, 0.5):.2f} ms"
                    f" (99 %: {percentile(times, 0.99):.2f}), added {added[0]:.2f} (99 %: {added[1]:.2f})"
                )
        if given.workers == 1:
            print(f"Echo: {await memory(everyone[-1], worker, given.streams):.1f} kB for each open stream")


def main() -> None:
    """Start what is needed, and measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.programs", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default 3)")
    parser.add_argument("--streams", type=int, default=500, help="open at once for the memory (default 500)")
    parser.add_argument("--workers", type=int, default=1, help="of Echo (default 1); memory is of one alone")
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--before", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.port:
        serve(given.port, given.before)
        return
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="echo-bench-")))
        provider = stack.enter_context(serving(None))
        beside = stack.enter_context(serving(provider))
        database = EmbeddedServer(directory / "mongodb")
        stack.callback(database.stop)
        environ = {
            **KEYS,
            "MONGO_URI": database.start(),
            "ECHO_DATA_DIR": str(directory),
            "ECHO_RATE_LIMITS": "off",
            "ECHO_API_CONCURRENT": "1000",
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_REVERSE_PROXY": f"{provider}/v1",
            "OPENAI_MODELS": "bench",
        }
        server = stack.enter_context(started(ECHO, given.workers, environ, directory / "echo.log"))
        urls = {"provider": provider, "pass-through": beside, "Echo": server.url}
        worker = server.one_worker()
        asyncio.run(measure(urls, sign_up(server.url), worker, given))


if __name__ == "__main__":
    main()
