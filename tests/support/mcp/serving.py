"""MCP servers on real ports, in threads of their own."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.support.waiting import PATIENCE


@contextmanager
def served(make: Callable[[int], Any]) -> Iterator[int]:
    """An ASGI application on loopback, made for the port that it gets; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        config = uvicorn.Config(make(port), log_config=None, timeout_graceful_shutdown=0)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.005)
        try:
            yield port
        finally:
            server.should_exit = server.force_exit = True
            thread.join(PATIENCE)
