"""What large conversations cost a worker in memory: the peak while they are read, by one and by four, and forked.

Messages are put into the database directly: they are larger than one that Echo takes, as imports can be.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import requests
from pymongo import MongoClient

from storage.embedded import EmbeddedServer
from tests.bench.chats import KEYS, sign_up
from tests.bench.servers import ECHO, Server, started

MESSAGES, CHARACTERS = 100, 2_900_000
CONVERSATION = "3f0a4c1e-6f0e-4f1b-9f4b-0b6f0f6f2a10"


@contextmanager
def serving(directory: Path) -> Iterator[tuple[Server, str]]:
    """A database and an Echo of one worker on it; its server and the database's URI."""
    database = EmbeddedServer(directory / "mongodb")
    uri = database.start()
    environ = {**KEYS, "MONGO_URI": uri, "ECHO_DATA_DIR": str(directory), "ECHO_RATE_LIMITS": "off"}
    try:
        with started(ECHO, 1, environ, directory / "echo.log") as server:
            yield server, uri
    finally:
        database.stop()


def fill(uri: str) -> None:
    """One conversation of the only user's."""
    with MongoClient(uri) as client:
        database = client["LibreChat"]
        owner, moment = str(database.users.find_one({})["_id"]), datetime.now(UTC)
        parent, keys = "00000000-0000-0000-0000-000000000000", []
        for number in range(MESSAGES):
            name = f"00000000-0000-4000-8000-{number:012d}"
            at = moment + timedelta(seconds=number)
            mine = {"user": owner, "conversationId": CONVERSATION, "createdAt": at, "updatedAt": at}
            message = {**mine, "messageId": name, "parentMessageId": parent, "isCreatedByUser": True}
            made = database.messages.insert_one({**message, "sender": "User", "text": "a" * CHARACTERS})
            parent = name
            keys.append(made.inserted_id)
        database.conversations.insert_one({**mine, "title": "Long", "messages": keys})


def peak_mb(worker: psutil.Process, work: Callable[[], object]) -> tuple[float, float]:
    """The resident memory before, and the most of it during the work (Linux's VmHWM)."""
    process = Path(f"/proc/{worker.pid}")
    (process / "clear_refs").write_text("5")
    before = worker.memory_info().rss / 1e6
    work()
    line = next(each for each in (process / "status").read_text().splitlines() if each.startswith("VmHWM"))
    return round(before), round(int(line.split()[1]) * 1024 / 1e6)


def read(url: str, token: str) -> int:
    """Read the conversation as it comes; how many bytes."""
    path = f"{url}/api/messages/{CONVERSATION}"
    with requests.get(path, headers={"Authorization": f"Bearer {token}"}, stream=True, timeout=600) as answer:
        answer.raise_for_status()
        return sum(len(each) for each in answer.iter_content(1 << 16))


def fork(url: str, token: str) -> int:
    """Fork it at its end; how many bytes the answer has."""
    body = {"conversationId": CONVERSATION, "messageId": f"00000000-0000-4000-8000-{MESSAGES - 1:012d}"}
    headers = {"Authorization": f"Bearer {token}"}
    with requests.post(
        f"{url}/api/convos/fork", json=body, headers=headers, stream=True, timeout=600
    ) as answer:
        answer.raise_for_status()
        return sum(len(each) for each in answer.iter_content(1 << 16))


def page(url: str, token: str) -> int:
    """The newest hundred messages of all conversations; how many bytes."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{url}/api/messages?pageSize=100", headers=headers, timeout=600)
    answer.raise_for_status()
    return len(answer.content)


def measure() -> None:
    """Run it once, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as name, serving(Path(name)) as (server, uri):
        worker = server.one_worker()
        token = sign_up(server.url)
        fill(uri)

        def four() -> None:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda _: read(server.url, token), range(4)))

        cases: dict[str, Callable[[], object]] = {
            "a page of a hundred": lambda: page(server.url, token),
            "read by one": lambda: read(server.url, token),
            "read by four": four,
            "forked": lambda: fork(server.url, token),
        }
        for what, work in cases.items():
            before, most = peak_mb(worker, work)
            print(f"{what:24} {before:8.0f} MB before, {most:8.0f} MB at most")


if __name__ == "__main__":
    measure()
