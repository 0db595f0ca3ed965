"""A server that is a process of this one's: JSON-RPC in lines, over its standard input and output.

In place of the SDK's own transport: this one bounds a line, and its process ends with this one, whatever ends that.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import mcp_types
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from echo.tools.mcp.limits import MAX_MESSAGE_BYTES
from echo.tools.mcp.trace import Trace

log = structlog.get_logger(__name__)
# What a program needs to find others and its user's files. Everything else is the server's: secrets are in it.
INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
LEASH = Path(__file__).with_name("leash.py")
# After its input has ended; and after it was asked to.
END_SECONDS = 2.0
LAST_SECONDS = 0.1
Incoming = SessionMessage | Exception


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server: a few variables of this process's, and its own."""
    return {**{name: os.environ[name] for name in INHERITED if name in os.environ}, **own}


@asynccontextmanager
async def process_streams(
    command: Sequence[str], own: Mapping[str, str], *, directory: str | None, stderr: str, trace: Trace
) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of a server that is started, and ended with the block. Raises `OSError`.

    A process that has ended by itself leaves its code in the trace.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if stderr == "inherit" else asyncio.subprocess.DEVNULL,
        env=environment(own),
        cwd=directory,
        start_new_session=True,
        limit=MAX_MESSAGE_BYTES,
    )
    arrived, incoming = anyio.create_memory_object_stream[Incoming](0)
    outgoing, leaving = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [asyncio.create_task(_read(process, arrived)), asyncio.create_task(_write(process, leaving))]
    try:
        yield incoming, outgoing
    finally:
        has_ended = tasks[0].done()
        for stream in (incoming, outgoing):
            stream.close()
        for task in tasks:
            task.cancel()
        # Cancelled or not, no process is left behind.
        await asyncio.shield(_end(process, tasks, trace if has_ended else None))


async def _read(process: asyncio.subprocess.Process, to: MemoryObjectSendStream[Incoming]) -> None:
    """Pass lines on. A line that is too long, or none at all, is the end of the connection."""
    if process.stdout is None:
        return
    async with to:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ValueError):
            while line := await process.stdout.readline():
                if line.strip():
                    await to.send(_parsed(line))


def _parsed(line: bytes) -> Incoming:
    try:
        return SessionMessage(mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


async def _write(
    process: asyncio.subprocess.Process, messages: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    if process.stdin is None:
        return
    async with messages:
        with suppress(OSError, anyio.ClosedResourceError):
            async for each in messages:
                line = each.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()


async def _end(
    process: asyncio.subprocess.Process, tasks: Sequence[asyncio.Task[None]], trace: Trace | None
) -> None:
    """As the protocol has it: the end of its input, then a signal to all that it started, then the last one."""
    await asyncio.gather(*tasks, return_exceptions=True)
    if trace is not None and await _ended(process, LAST_SECONDS):
        # By itself: its output ends a moment before it does.
        trace.exit_code = process.returncode
    if process.stdin is not None:
        process.stdin.close()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if await _ended(process, END_SECONDS):
            break
        _signal_all(process, sign)
    else:
        await _ended(process, END_SECONDS)
    # What it started and left behind.
    _signal_all(process, signal.SIGKILL)


async def _ended(process: asyncio.subprocess.Process, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        return False
    return True


def _signal_all(process: asyncio.subprocess.Process, sign: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, sign)
