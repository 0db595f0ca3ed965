"""Where the processor time of a chat's turn goes: `python -m tests.bench.turn`.

From the message to the last event of its answer, all stored, one turn after the other in one process and without a
socket to the client: first turns of conversations, and further ones. By kind of thread, with that of `mongod` and the
commands that it got. To compare two states of the source, run it in a copy of each, in turns.
"""

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import uvloop
from pymongo import MongoClient
from starlette.types import Message, Scope

from echo.app import Application, assemble
from echo.observation.logs import configure_logging
from echo.settings import load_settings
from storage.embedded import EmbeddedServer
from tests.bench.chats import KEYS, sign_up
from tests.bench.programs import WHOLE
from tests.bench.programs import serving as provided
from tests.bench.servers import ECHO, started

Json = dict[str, Any]
# Of a conversation, in the second kind.
TURNS = 10
COMMANDS = ("find", "insert", "update", "delete", "findAndModify", "aggregate", "commitTransaction")
KINDS = {"MainThread": "event loop", "echo-write": "thread of the request", "echo-chat": "threads of the run"}
OTHERS = "other threads"
TICKS = 100


class Client:
    """One user's, straight into the application."""

    def __init__(self, application: Application, token: str) -> None:
        self._application = application
        self._token = token

    async def ask(self, method: str, target: str, body: Json | None = None) -> bytes:
        """The body of an answer."""
        content, ended, found = (
            b"" if body is None else json.dumps(body).encode(),
            asyncio.Event(),
            list[bytes](),
        )
        messages = iter([{"type": "http.request", "body": content, "more_body": False}])

        async def receive() -> Message:
            for message in messages:
                return message
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            found.append(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended.set()

        path, _, query = target.partition("?")
        headers = [
            (b"host", b"bench"),
            (b"user-agent", b"Mozilla/5.0 bench"),
            (b"authorization", f"Bearer {self._token}".encode()),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
        ]
        scope: Scope = {
            "type": "http",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
        }
        await self._application.asgi(scope, receive, send)
        return b"".join(found)

    async def turn(self, last: Json) -> Json:
        """A message and its whole answer, as LibreChat's client asks; what the next one follows."""
        base = "/chat/api/agents/chat"
        begun = json.loads(
            await self.ask(
                "POST", f"{base}/openAI", {"text": WHOLE, "endpoint": "openAI", "model": "bench", **last}
            )
        )
        query = f"generationCreatedAt={begun['generationCreatedAt']}&generationProtocolVersion=2"
        events = await self.ask("GET", f"{base}/stream/{begun['streamId']}?{query}")
        final = json.loads(next(line[6:] for line in events.split(b"\n") if b'"final":true' in line))
        answer = final["responseMessage"]
        return {"conversationId": answer["conversationId"], "parentMessageId": answer["messageId"]}


@contextmanager
def prepared(titles: bool) -> Iterator[tuple[Application, str, psutil.Process, MongoClient[Json]]]:
    """An application, a token of its only user, its database's process, and a client of that."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="echo-bench-")))
        provider = stack.enter_context(provided(None))
        database = EmbeddedServer(directory / "mongodb")
        stack.callback(database.stop)
        environ = {
            **KEYS,
            "MONGO_URI": database.start(),
            "ECHO_DATA_DIR": str(directory),
            "ECHO_RATE_LIMITS": "off",
            "ECHO_LOG_LEVEL": "error",
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_REVERSE_PROXY": f"{provider}/v1",
            "OPENAI_MODELS": "bench",
            "TITLE_CONVO": str(titles).lower(),
        }
        with started(ECHO, 1, environ, directory / "echo.log") as server:
            token = sign_up(server.url)
        mongod = next(each for each in psutil.process_iter() if is_server_of(each, directory))
        settings = load_settings(environ)
        configure_logging(settings)
        application = assemble(settings)
        stack.callback(application.close)
        yield application, token, mongod, stack.enter_context(MongoClient(environ["MONGO_URI"]))


def is_server_of(process: psutil.Process, directory: Path) -> bool:
    """Whether it is the database in a directory."""
    return "mongod" in process.name() and str(directory) in " ".join(process.cmdline())


@asynccontextmanager
async def running(application: Application) -> AsyncIterator[None]:
    """The application between its start and its end."""
    messages: asyncio.Queue[Message] = asyncio.Queue()
    begun = asyncio.Event()

    async def send(_: Message) -> None:
        begun.set()

    await messages.put({"type": "lifespan.startup"})
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    living = asyncio.ensure_future(application.asgi(scope, messages.get, send))
    await begun.wait()
    yield
    await messages.put({"type": "lifespan.shutdown"})
    await living


def used() -> dict[str, float]:
    """The processor time of this process by kind of thread, in seconds (Linux)."""
    seconds: dict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
        kind = KINDS.get(thread.name.rpartition("_")[0] or thread.name, OTHERS)
        seconds[kind] += (int(fields[11]) + int(fields[12])) / TICKS
    return seconds


async def measure(client: Client, mongod: psutil.Process, database: MongoClient[Json], count: int) -> None:
    """Print what first turns and further ones take."""

    def commands() -> dict[str, int]:
        found = database.admin.command("serverStatus")["metrics"]["commands"]
        return {name: int(found.get(name, {}).get("total", 0)) for name in COMMANDS}

    async def talk(turns: int, count: int) -> None:
        last: Json = {}
        for number in range(count):
            last = await client.turn({} if number % turns == 0 else last)

    for what, turns in (("first turns", 1), ("turns of conversations of ten", TURNS)):
        await talk(turns, 50)
        before, asked = used(), commands()
        whole, server = time.process_time(), sum(mongod.cpu_times()[:2])
        await talk(turns, count)
        whole, server = time.process_time() - whole, sum(mongod.cpu_times()[:2]) - server
        now_asked = {name: (number - asked[name]) / count for name, number in commands().items()}
        print(f"{what}: {whole / count * 1000:.2f} ms a turn, mongod {server / count * 1000:.2f}")
        for kind, seconds in used().items():
            print(f"  {(seconds - before.get(kind, 0)) / count * 1000:7.2f} ms  {kind}")
        kinds = ", ".join(f"{name} {each:.1f}" for name, each in now_asked.items() if each >= 0.05)
        print(f"  {sum(now_asked.values()):7.1f} commands: {kinds}")


async def run(count: int, application: Application, client: Client, *database: Any) -> None:
    """Measure between the application's start and its end."""
    async with running(application):
        await measure(client, *database, count)


def main() -> None:
    """Read how many, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.turn", description=__doc__)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--titles", action="store_true", help="let a model make titles, too")
    given = parser.parse_args()
    with prepared(given.titles) as (application, token, mongod, database):
        uvloop.run(run(given.turns, application, Client(application, token), mongod, database))


if __name__ == "__main__":
    main()
