"""What the limits of connections cost: uvicorn's protocol and Echo's, in turn, in one process and without sockets.

`python -m tests.bench.connection`. Requests of a browser's size are fed to the protocols; an application that does
nothing shows the cost alone, Echo's `/health` what it is a part of.
"""

import asyncio
import statistics
import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from echo.app import assemble
from echo.observation.logs import configure_logging
from echo.serving.config import ServerConfig
from echo.serving.connection import LimitedProtocol
from echo.settings import ConnectionLimits, load_settings

ROUNDS, REQUESTS = 60, 300
REQUEST = (
    b"GET /health HTTP/1.1\r\nHost: chat.example.com\r\nConnection: keep-alive\r\nAccept: application/json\r\n"
    b"Authorization: Bearer " + b"a" * 300 + b"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0)\r\n"
    b"Accept-Language: en,de;q=0.7\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: refreshToken="
    + b"b"
    * 300
) + b"\r\n\r\n"
KEYS = {
    "MONGO_URI": "mongodb://127.0.0.1:1/never-asked",
    "JWT_SECRET": "bench-only-" + "a1B2" * 8,
    "JWT_REFRESH_SECRET": "bench-only-" + "c3D4" * 8,
    "ECHO_LOG_LEVEL": "warning",
}


class Wire(asyncio.Transport):
    """A transport that leads nowhere."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def write(self, data: Any) -> None: ...

    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"OK"})


async def one_round(protocol: Any) -> float:
    """Microseconds of processor time per request."""
    began = time.process_time()
    for _ in range(REQUESTS):
        protocol.data_received(REQUEST)
        while not protocol.cycle.response_complete:
            await asyncio.sleep(0)
    return (time.process_time() - began) / REQUESTS * 1e6


async def compare(name: str, app: Any) -> None:
    """Print the medians, and the ratio with its noise."""
    config = ServerConfig(app, limits=ConnectionLimits(), largest_body=1, log_config=None, lifespan="off")
    config.load()
    kinds = (HttpToolsProtocol, LimitedProtocol, HttpToolsProtocol)
    protocols = [kind(config, ServerState(), {}, asyncio.get_running_loop()) for kind in kinds]
    for protocol in protocols:
        protocol.connection_made(Wire())
        await one_round(protocol)
    rounds = [[await one_round(protocol) for protocol in protocols] for _ in range(ROUNDS)]
    plain, limited, _ = (statistics.median(each) for each in zip(*rounds, strict=True))
    ratio, noise = (statistics.median(each[n] / each[0] for each in rounds) for n in (1, 2))
    print(f"{name}: uvicorn's {plain:.1f} us, with limits {limited:.1f} us; {ratio:.3f}, noise {noise:.3f}")


async def main() -> None:
    """Both applications."""
    settings = load_settings(KEYS)
    configure_logging(settings)
    await compare("nothing", nothing)
    await compare("/health", assemble(settings).asgi)


if __name__ == "__main__":
    asyncio.run(main())
