"""Where the time of one request goes inside the process, layer by layer: `python -m tests.bench.layers`.

One request at a time, without a socket: what uvicorn adds for HTTP is not in it. Each figure is the layer's own time,
without that of the layers inside.
"""

import asyncio
import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import Message, Scope

import echo.contract.operations
import echo.http.reader
from echo.accounts.security import Security
from echo.app import Application, assemble
from echo.contract.document import Contract
from echo.contract.responses import CheckedSend
from echo.handling.caller import ClientInfo
from echo.http.bridge import Bridge
from echo.observation.logs import configure_logging
from echo.settings import load_settings
from handlers.schemas.base import Output
from storage.conversations.conversations import ConversationRepository
from storage.conversations.messages import MessageRepository
from tests.bench.measure import Bench, prepared
from tests.bench.scenarios import PAGE
from tests.bench.seed import PASSWORD, conversation_id

REQUESTS = 3_000
# What each layer contains; its own time is its time without theirs.
INSIDE = {
    "edge, CORS, gate, send": (
        "routing",
        "security",
        "request validation",
        "bridge and Flask",
        "response validation",
    ),
    "bridge and Flask": ("handler", "JSON out"),
    "handler": ("database and driver", "dump"),
}


class Clock:
    """Sums up the time between entering and leaving functions."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def watch(self, owner: Any, name: str, layer: str) -> None:
        """Measure a function or method wherever it is called."""
        function = getattr(owner, name)
        setattr(
            owner,
            name,
            self._async(function, layer)
            if inspect.iscoroutinefunction(function)
            else self._sync(function, layer),
        )

    def _sync(self, function: Callable[..., Any], layer: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[layer] += time.perf_counter() - began

        return timed

    def _async(self, function: Callable[..., Any], layer: str) -> Callable[..., Any]:
        async def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return await function(*args, **kwargs)
            finally:
                self.seconds[layer] += time.perf_counter() - began

        return timed


def watch_layers(clock: Clock) -> None:
    """Put the clock at the entrance of each layer."""
    clock.watch(Contract, "match", "routing")
    clock.watch(Security, "check_access_token", "security")
    clock.watch(echo.http.reader, "read_arguments", "request validation")
    clock.watch(Bridge, "__call__", "bridge and Flask")
    clock.watch(echo.contract.operations.BoundOperation, "handle", "handler")
    clock.watch(ConversationRepository, "list_page", "database and driver")
    clock.watch(MessageRepository, "read_conversation", "database and driver")
    clock.watch(Output, "dump_all", "dump")
    clock.watch(echo.contract.operations, "encode", "JSON out")
    clock.watch(CheckedSend, "_check_body", "response validation")


def own_times(total: float, seconds: Mapping[str, float], count: int) -> dict[str, float]:
    """Microseconds per request of each layer without the layers inside."""
    inclusive = {"edge, CORS, gate, send": total, **seconds}
    return {
        layer: (spent - sum(inclusive.get(inner, 0) for inner in INSIDE.get(layer, ()))) / count * 1e6
        for layer, spent in inclusive.items()
    }


async def ask(application: Application, path: str, query: str, token: str) -> int:
    """One request straight into the application; the status."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"bench"), (b"authorization", f"Bearer {token}".encode())],
        "client": ("127.0.0.1", 1),
    }
    await application.asgi(scope, receive, send)
    return statuses[0]


async def profile(application: Application, path: str, query: str, token: str) -> dict[str, float]:
    """The layers of one kind of request; the first hundred are for warming up."""
    for _ in range(100):
        await ask(application, path, query, token)
    clock.seconds.clear()
    began = time.perf_counter()
    for _ in range(REQUESTS):
        if await ask(application, path, query, token) != 200:
            raise RuntimeError(f"{path} is not answered with 200")
    return own_times(time.perf_counter() - began, clock.seconds, REQUESTS)


def log_in(application: Application, bench: Bench) -> str:
    """An access token of the measured user."""
    auth = application.services.accounts.auth
    client = ClientInfo("127.0.0.1", secure=False)
    return auth.login(bench.seeded.user["email"], PASSWORD, client).token


def main() -> None:
    """Print the layers of the two most frequent reads."""
    with prepared(1, 1) as bench:
        settings = load_settings(bench.environ)
        configure_logging(settings)
        application = assemble(settings)
        token = log_in(application, bench)
        owner = str(bench.seeded.user["_id"])
        for path, query in (
            ("/api/convos", f"limit={PAGE}"),
            (f"/api/messages/{conversation_id(owner, 7)}", ""),
        ):
            layers = asyncio.run(profile(application, path, query, token))
            print(f"GET {path}: {sum(layers.values()):.0f} microseconds")
            for layer, spent in sorted(layers.items(), key=lambda item: -item[1]):
                print(f"  {spent:7.1f}  {layer}")
        application.close()


clock = Clock()

if __name__ == "__main__":
    watch_layers(clock)
    main()
