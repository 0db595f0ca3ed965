"""What requests cost as one owner's messages grow: `python -m tests.bench.growth`, or with other numbers.

The processor's time of Echo (one worker) and of `mongod`, in ms, the mean of some requests of each kind. Every tenth
conversation has one bookmark and is in one project. Messages have some sixty characters; the index of searches is
made before it is used.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests
from bson import ObjectId

from storage.conversations.search_building import Builder
from storage.conversations.search_states import MESSAGES, TITLES
from storage.core.database import Database
from storage.embedded import EmbeddedServer
from tests.bench.chats import KEYS, sign_up
from tests.bench.servers import ECHO, started

T = TypeVar("T")
SIZES = (10_000, 100_000, 1_000_000)
OF_EACH, REPEATED = 10, 20
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
TAG = "common"
BATCH = 5000


@dataclass
class Place:
    """The server that is measured, its only user, and the processes that work for it."""

    url: str
    headers: dict[str, str]
    database: Database
    owner: str
    project: str
    processes: dict[str, Callable[[], list[int]]]

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request; the answer must be a good one."""
        answer = requests.request(method, self.url + path, json=body, headers=self.headers, timeout=600)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def begin(self, path: str) -> None:
        """Ask for a long answer, and leave after its first bytes."""
        with requests.get(self.url + path, headers=self.headers, stream=True, timeout=600) as answer:
            answer.raise_for_status()
            next(answer.iter_content(1024))

    def spent(self) -> dict[str, float]:
        """The milliseconds of the processor that each has used."""
        return {name: sum(map(milliseconds, pids())) for name, pids in self.processes.items()}


def milliseconds(pid: int) -> float:
    """What the threads of a process have used; the kernel counts nanoseconds."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e6


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """So many at a time."""
    rest = iter(items)
    return iter(lambda: list(islice(rest, size)), [])


def fill(place: Place, begin: int, end: int) -> None:
    """Conversations of ten messages, oldest first."""
    dice = random.Random(begin)
    syllables = [
        first + vowel + last for first in "bdfgklmnprst" for vowel in "aeiou" for last in ("", *"nrst")
    ]
    words = ["".join(dice.choices(syllables, k=dice.randint(1, 3))) for _ in range(20_000)]
    weights = [1 / place for place in range(1, len(words) + 1)]
    for numbers in batched(range(begin, end), BATCH // OF_EACH):
        texts = batched(dice.choices(words, weights, k=len(numbers) * OF_EACH * 10), 10)
        messages = [
            message(place.owner, number, which, " ".join(next(texts)))
            for number in numbers
            for which in range(OF_EACH)
        ]
        place.database.collection("messages").insert_many(messages)
        keys = batched([each["_id"] for each in messages], OF_EACH)
        place.database.collection("conversations").insert_many(
            conversation(place, number, mine, " ".join(dice.choices(words, weights, k=4)))
            for number, mine in zip(numbers, keys, strict=True)
        )


def identifier(number: int) -> str:
    """A conversation's id."""
    return f"00000000-0000-4000-8000-{number:012d}"


def message(owner: str, number: int, which: int, text: str) -> dict[str, Any]:
    """A message as LibreChat has it; of every five thousandth conversation one has a rare word."""
    moment = BEGINNING + timedelta(minutes=number, seconds=which)
    key = int(moment.timestamp()).to_bytes(4, "big") + (number * OF_EACH + which).to_bytes(8, "big")
    rare = " zyqxwort" if which == 3 and number % 500 == 7 else ""
    return {
        "_id": ObjectId(key),
        "messageId": f"{which:08d}-0000-4000-8000-{number:012d}",
        "parentMessageId": f"{which - 1:08d}-0000-4000-8000-{number:012d}" if which else None,
        "conversationId": identifier(number),
        "user": owner,
        "text": text + rare,
        "sender": "User",
        "isCreatedByUser": which % 2 == 0,
        "isTemporary": False,
        "expiredAt": None,
        "createdAt": moment,
        "updatedAt": moment,
    }


def conversation(place: Place, number: int, keys: list[ObjectId], title: str) -> dict[str, Any]:
    """A conversation as LibreChat has it."""
    moment = BEGINNING + timedelta(minutes=number)
    key = int(moment.timestamp()).to_bytes(4, "big") + number.to_bytes(8, "big")
    grouped = {"tags": [TAG], "chatProjectId": place.project} if number % 10 == 0 else {"tags": []}
    return {
        "_id": ObjectId(key),
        "conversationId": identifier(number),
        "user": place.owner,
        "title": title,
        "endpoint": "openAI",
        "model": "gpt-4o-mini",
        "messages": keys,
        "isArchived": False,
        "isTemporary": False,
        "expiredAt": None,
        "createdAt": moment,
        "updatedAt": moment,
        **grouped,
    }


def kinds(
    place: Place, conversations: int, dice: random.Random
) -> Iterator[tuple[str, Callable[[], object]]]:
    """The requests that are measured, by their names."""

    def some(step: int = 10, off: int = 1) -> str:
        return identifier(dice.randrange(conversations // step // 2) * step + off)

    def post(conversation_id: str) -> object:
        return place.ask(
            "POST", f"/api/messages/{conversation_id}", {"sender": "user", "text": "One more question"}
        )

    deep = "/api/convos?limit=10"
    for _ in range(99):
        cursor = place.ask("GET", deep)["nextCursor"]
        deep = f"/api/convos?limit=10&cursor={cursor}"
    deleted = count(conversations // 2 + 1, 10)
    grouped = count(conversations // 2 + 10 - conversations // 2 % 10, 10)
    yield "conversations, first page", lambda: place.ask("GET", "/api/convos?limit=10")
    yield "conversations, hundredth page", lambda: place.ask("GET", deep)
    yield "messages, first page", lambda: place.ask("GET", "/api/messages?pageSize=25")
    yield "one conversation's messages", lambda: place.ask("GET", f"/api/messages/{some()}")
    yield "a new message", lambda: post(some())
    yield "a new message in the project", lambda: post(some(off=0))
    for what, word in (("a rare word", "zyqxwort"), ("a part of it", "yqxw"), ("what nobody wrote", "qqqq")):
        yield f"messages with {what}", lambda word=word: place.ask("GET", f"/api/messages?search={word}")
        yield f"conversations with {what}", lambda word=word: place.ask("GET", f"/api/convos?search={word}")
    yield "the first bytes of an export", lambda: place.begin("/api/convos/export")
    yield (
        "deletion of a conversation",
        lambda: place.ask("DELETE", f"/api/convos/{identifier(next(deleted))}"),
    )
    yield (
        "deletion of one in the project",
        lambda: place.ask("DELETE", f"/api/convos/{identifier(next(grouped))}"),
    )


def measured(place: Place, work: Callable[[], object]) -> dict[str, float]:
    """The mean of some requests, after one that does not count."""
    work()
    before = place.spent()
    for _ in range(REPEATED):
        work()
    return {name: (after - before[name]) / REPEATED for name, after in place.spent().items()}


def index(place: Place) -> float:
    """Make the indexes of searches; ms of this process for each message."""
    before = time.process_time()
    for source in (MESSAGES, TITLES):
        builder = Builder(place.database, source)
        while builder.build(place.owner):
            pass
    return 1000 * (time.process_time() - before)


def grow(place: Place, sizes: list[int]) -> None:
    """Measure at each size, and print the table."""
    rows: dict[str, list[str]] = {}
    filled = 0
    for size in sizes:
        fill(place, filled, size // OF_EACH)
        took = index(place) / (size - filled * OF_EACH)
        print(f"{size} messages: the index took {took:.2f} ms of each that is new", flush=True)
        filled = size // OF_EACH
        for name, work in kinds(place, filled, random.Random(size)):
            spent = measured(place, work)
            rows.setdefault(name, []).append(f"{spent['echo']:.1f} + {spent['mongod']:.1f}")
            print(name, rows[name][-1], flush=True)
    print(f"\n| Echo + mongod, ms | {' | '.join(f'{size:,}'.replace(',', ' ') for size in sizes)} |")
    print("|---" * (len(sizes) + 1) + "|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--messages", type=int, nargs="*", default=SIZES, help="rising, multiples of 10 000")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as name:
        directory = Path(name)
        mongod = EmbeddedServer(directory / "mongodb")
        uri = mongod.start()
        environ = {**KEYS, "MONGO_URI": uri, "ECHO_DATA_DIR": name, "ECHO_RATE_LIMITS": "off"}
        # A million messages take longer to make than a token lasts otherwise.
        environ["SESSION_EXPIRY"] = "1000 * 60 * 60 * 12"
        database = Database(uri)
        try:
            with started(ECHO, 1, environ, directory / "echo.log") as server:
                headers = {"Authorization": f"Bearer {sign_up(server.url)}"}
                owner = str((database.collection("users").find_one({}) or {})["_id"])
                project = ObjectId()
                counted = {"conversationCount": 0, "name": "Large", "user": owner}
                database.collection("chatprojects").insert_one({"_id": project, **counted})
                database.collection("conversationtags").insert_one({"tag": TAG, "user": owner, "count": 0})
                processes = {
                    "echo": lambda: [each.pid for each in server.parts()],
                    "mongod": lambda: [
                        each.pid for each in psutil.Process().children() if "mongod" in each.name()
                    ],
                }
                place = Place(server.url, headers, database, owner, str(project), processes)
                grow(place, list(given.messages))
        finally:
            database.close()
            mongod.stop()


if __name__ == "__main__":
    main()
