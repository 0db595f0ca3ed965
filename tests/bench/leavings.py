"""What a worker's memory is after a start, after reads, and after chats: what each chat leaves behind.

`python -m tests.bench.leavings`: one Echo of one worker; its own memory (USS), and with its share of what the
processes have in common (PSS).
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.bench.chats import serving, sign_up
from tests.bench.contracts import CHATS_AT_ONCE, READS, fill, whole_chat
from tests.bench.load import drive
from tests.bench.scenarios import User, get

WORDS = 20


def memory(worker: psutil.Process) -> tuple[float, float]:
    """USS and PSS in MB."""
    info = worker.memory_full_info()
    return info.uss / 1e6, info.pss / 1e6


async def chats(address: tuple[str, int], token: str, count: int) -> None:
    """So many whole chats, some at a time."""
    left = iter(range(count))

    async def client() -> None:
        for _ in left:
            await whole_chat(address, token, "/chat")

    await asyncio.gather(*(client() for _ in range(CHATS_AT_ONCE)))


def measure(steps: list[int]) -> None:
    """Run it once, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as name, serving(Path(name), WORDS, 0.0) as server:
        worker = server.one_worker()

        def note(what: str) -> None:
            uss, pss = memory(worker)
            print(f"{what:24} {uss:8.1f} MB of its own {pss:8.1f} MB with its share", flush=True)

        note("after the start")
        user = User(sign_up(server.url))
        conversation_id = fill(server.url, user)
        for path in READS:
            drive(server.url, get(user, path.replace("{id}", conversation_id)), seconds=2)
        note("after reads and writes")
        parts, done = urlsplit(server.url), 0
        for step in steps:
            asyncio.run(chats((str(parts.hostname), int(parts.port or 80)), user.token, step - done))
            done = step
            note(f"after {done} chats")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.leavings", description=__doc__)
    parser.add_argument("--chats", type=int, nargs="*", default=[100, 500, 1000, 2000])
    measure(parser.parse_args().chats)
