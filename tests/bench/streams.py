"""`python -m tests.bench.streams`: what one chunk of a provider's stream costs, and what a thousand open streams do.

The provider is a process of its own on loopback. Each chunk carries the moment at which it was sent, on a clock that
both processes share. `--streams`, `--seconds` and `--chunks` change the size.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import aiohttp
import psutil
import uvloop

from echo.providers.chat import ChatRequest, TextDelta, Turn
from echo.providers.registry import build_providers
from echo.settings import ProviderSettings

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(text: str, finish: str | None = None) -> bytes:
    """A chunk as OpenAI sends it, about 250 bytes, in a chunk of HTTP."""
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}
    body = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1_694_268_190,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [choice],
    }
    data = b"data: %b\n\n" % json.dumps(body, separators=(",", ":")).encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = chunk("", "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


async def serve() -> None:
    """The provider: the model's name says how many chunks to send, and how many seconds apart."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                count, pause = body["model"].split("x")
                writer.write(HEAD)
                for _ in range(int(count)):
                    writer.write(chunk(f"{time.monotonic():.6f} "))
                    await writer.drain()
                    if float(pause):
                        await asyncio.sleep(float(pause))
                writer.write(LAST)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


Stream = Callable[[str], AsyncIterator[str]]


async def cost(stream: Stream, chunks: int) -> float:
    """Processor time of this process per chunk, in microseconds, when they come as fast as they can."""
    begun, received = time.process_time(), 0
    async for _text in stream(f"{chunks}x0"):
        received += 1
    assert received >= chunks
    return (time.process_time() - begun) / chunks * 1e6


async def many(stream: Stream, streams: int, seconds: int) -> dict[str, float]:
    """Memory for each open stream, and the delay of each chunk, with one chunk a second for each of them."""
    process, delays, open_now = psutil.Process(), [], 0
    await drain(stream("1x0"))
    before, all_open = process.memory_info().rss, asyncio.Event()
    begun = time.process_time()

    async def listen() -> None:
        nonlocal open_now
        first = True
        async for text in stream(f"{seconds}x1"):
            if text.strip():
                delays.append(time.monotonic() - float(text))
            if first:
                first, open_now = False, open_now + 1
                if open_now == streams:
                    all_open.set()

    tasks = []
    for _ in range(streams):
        tasks.append(asyncio.create_task(listen()))
        # A thousand in the same instant is no load but a queue.
        await asyncio.sleep(0.5 / streams)
    await all_open.wait()
    await asyncio.sleep(1)
    memory = process.memory_info().rss - before
    await asyncio.gather(*tasks)
    used = time.process_time() - begun
    delays.sort()
    return {
        "kB each": memory / streams / 1000,
        "delay ms, median": statistics.median(delays) * 1000,
        "delay ms, 99 %": delays[int(len(delays) * 0.99)] * 1000,
        "us of processor per chunk": used / len(delays) * 1e6,
    }


async def drain(events: AsyncIterator[str]) -> None:
    """Read to the end."""
    async for _ in events:
        pass


async def with_echo(url: str, use: Callable[[Stream], Awaitable[Any]]) -> Any:
    """Through Echo's provider."""
    settings = ProviderSettings("openAI", "openai", ("m",), api_key="sk", base_url=url)
    providers = build_providers([settings])

    async def stream(model: str) -> AsyncIterator[str]:
        async for event in providers["openAI"].stream(ChatRequest(model, [Turn.of_text("user", "Hello")])):
            if isinstance(event, TextDelta):
                yield event.text

    try:
        return await use(stream)
    finally:
        await providers.close()


async def with_aiohttp(url: str, use: Callable[[Stream], Awaitable[Any]]) -> Any:
    """Through aiohttp alone with the plainest reading that works, for comparison."""

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout()
    ) as session:

        async def stream(model: str) -> AsyncIterator[str]:
            async with session.post(f"{url}/chat/completions", json={"model": model}) as response:
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        yield json.loads(line[6:])["choices"][0]["delta"]["content"]

        return await use(stream)


READERS = {"aiohttp alone": with_aiohttp, "Echo": with_echo}


def measure(name: str, url: str, given: argparse.Namespace) -> None:
    """Measure and print one of them."""
    run = READERS[name]
    found = uvloop.run(run(url, lambda it: many(it, given.streams, given.seconds)))
    for what, value in found.items():
        print(f"{name}, {given.streams} streams: {what} {value:.1f}", flush=True)
    each = [uvloop.run(run(url, lambda it: cost(it, given.chunks))) for _ in range(5)]
    print(
        f"{name}: {statistics.median(each):.1f} us of processor per chunk, as fast as they come", flush=True
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--chunks", type=int, default=30_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        uvloop.run(serve())
        return
    command = [sys.executable, "-m", "tests.bench.streams", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        url = f"http://127.0.0.1:{int(provider.stdout.readline())}"
        try:
            for name in READERS:
                # Each in a process of its own: memory that one has returned would be free for the other.
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                    process.submit(measure, name, url, given).result()
        finally:
            provider.kill()


if __name__ == "__main__":
    main()
