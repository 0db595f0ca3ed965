"""Whether LibreChat's contract costs more than the first: reads and whole chats of both, in turns.

`python -m tests.bench.contracts`: one Echo of one worker, the same user and data.
"""

import asyncio
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.bench.chats import exchange, http, serving, sign_up
from tests.bench.load import drive
from tests.bench.scenarios import User, get

BASES = {"echo": "", "librechat": "/chat"}
READS = ("/api/user", "/api/config", "/api/convos?limit=25", "/api/messages/{id}", "/api/presets")
CONVERSATIONS, MESSAGES = 60, 20
CHATS_AT_ONCE = 8


def fill(url: str, user: User) -> str:
    """Conversations with messages; the id of the last one."""
    conversation_id = ""
    for _ in range(CONVERSATIONS):
        conversation_id = str(uuid.uuid4())
        for number in range(MESSAGES):
            body = {
                "text": f"A message of the benchmark, {number}",
                "sender": ("user", "assistant")[number % 2],
            }
            answer = requests.post(
                f"{url}/api/messages/{conversation_id}", json=body, headers=user.headers, timeout=30
            )
            answer.raise_for_status()
    return conversation_id


def compare(measure: Callable[[str], float], rounds: int) -> tuple[float, float]:
    """The first contract's figure, and LibreChat's by it: medians over rounds in turns."""
    figures = [[measure(base) for base in BASES.values()] for _ in range(rounds)]
    return statistics.median(each[0] for each in figures), statistics.median(
        each[1] / each[0] for each in figures
    )


async def whole_chat(address: tuple[str, int], token: str, base: str) -> None:
    """A new conversation: asked, and read to its last event."""
    body = {"text": "Hi", "endpoint": "openAI", "model": "bench"}
    reader, writer = await exchange(*address, http("POST", f"{base}/api/agents/chat/openAI", token, body))
    answer = await reader.read()
    writer.close()
    begun = json.loads(answer.partition(b"\r\n\r\n")[2])
    # As LibreChat's client asks.
    path = f"{base}/api/agents/chat/stream/{begun['streamId']}?generationCreatedAt={begun['generationCreatedAt']}"
    reader, writer = await exchange(*address, http("GET", path, token))
    stream = await reader.read()
    writer.close()
    assert b'"final":true' in stream


async def chats(address: tuple[str, int], token: str, base: str, seconds: float) -> float:
    """Whole chats a second, some at a time."""
    done, end = 0, time.monotonic() + seconds

    async def client() -> None:
        nonlocal done
        while time.monotonic() < end:
            await whole_chat(address, token, base)
            done += 1

    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(CHATS_AT_ONCE)))
    return done / (time.monotonic() - began)


def measure(seconds: float, rounds: int) -> dict[str, float]:
    """Of each read and of whole chats: how many a second by the first contract, and LibreChat's as a ratio to it."""
    found: dict[str, float] = {}

    def note(what: str, figures: tuple[float, float]) -> None:
        found[f"{what}, a second"], found[f"{what}, librechat / echo"] = (round(each, 2) for each in figures)

    with tempfile.TemporaryDirectory(prefix="echo-bench-") as name, serving(Path(name), 20, 0.0) as server:
        user = User(sign_up(server.url))
        conversation_id = fill(server.url, user)
        parts = urlsplit(server.url)
        address = (str(parts.hostname), int(parts.port or 80))
        for path in READS:
            where = path.replace("{id}", conversation_id)

            def reads(base: str, where: str = where) -> float:
                return drive(server.url, get(user, base + where), seconds=seconds).per_second

            note(path, compare(reads, rounds))

        def talk(base: str) -> float:
            return asyncio.run(chats(address, user.token, base, seconds * 2))

        note("whole chats", compare(talk, rounds))
    return found


if __name__ == "__main__":
    for figure, value in measure(3, 3).items():
        print(f"{figure:48} {value:10.2f}")
