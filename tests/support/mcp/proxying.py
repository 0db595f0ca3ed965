"""A small proxy on loopback, of HTTP (requests and tunnels) and of SOCKS 5, which notes what it was asked for."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.waiting import PATIENCE


@dataclass
class Proxy:
    """Where it is, what hosts it was asked for, and the credentials that came along."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)


@contextmanager
def proxying() -> Iterator[Proxy]:
    proxy, loop, started = Proxy(), asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(lambda r, w: _serve(proxy, r, w), "127.0.0.1", 0)
        me = asyncio.current_task()
        proxy.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {me}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(PATIENCE)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            if first == b"\x05":
                await _socks(proxy, reader, writer)
            else:
                await _http(proxy, first + await reader.readuntil(b"\r\n\r\n"), reader, writer)
    finally:
        await _closed(writer)


async def _http(
    proxy: Proxy, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One request or tunnel for each connection; bodies and answers are passed on as they come."""
    line, *headers = head.decode().split("\r\n")
    method, target, _ = line.split()
    proxy.credentials += [each for each in headers if each.lower().startswith("proxy-authorization")]
    parts = urlsplit(target if method != "CONNECT" else f"//{target}")
    proxy.asked.append(parts.netloc)
    onward, out = await asyncio.open_connection(parts.hostname, parts.port or 80)
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        kept = [each for each in headers if not each.lower().startswith(("proxy-", "connection"))]
        path = f"{parts.path}{'?' + parts.query if parts.query else ''}"
        said = "\r\n".join([f"{method} {path} HTTP/1.1", "Connection: close", *kept])
        out.write(said.encode())
    await _both(reader, writer, onward, out)


async def _socks(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly((await reader.readexactly(1))[0])
    writer.write(b"\x05\x00")
    *_, kind = await reader.readexactly(4)
    if kind == 1:
        host = ".".join(map(str, await reader.readexactly(4)))
    else:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    port = int.from_bytes(await reader.readexactly(2), "big")
    proxy.asked.append(f"{host}:{port}")
    onward, out = await asyncio.open_connection(host, port)
    writer.write(b"\x05\x00\x00\x01" + bytes(6))
    await _both(reader, writer, onward, out)


async def _both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    onward: asyncio.StreamReader,
    out: asyncio.StreamWriter,
) -> None:
    """Pass on in both directions, until one of them ends."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await source.read(65536):
                sink.write(chunk)
                await sink.drain()

    directions = [asyncio.create_task(pump(reader, out)), asyncio.create_task(pump(onward, writer))]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in directions:
            each.cancel()
        # At once: the wait for the two may itself be cut short.
        out.close()
        await asyncio.gather(*directions, return_exceptions=True)
        await _closed(out)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
