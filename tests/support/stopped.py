"""A process that is there and does nothing: what a swapped-out or suspended machine looks like from outside."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient


def server_pid(uri: str) -> int:
    """The process of the server that answers there."""
    with MongoClient[dict[str, Any]](uri) as client:
        return int(client.admin.command("serverStatus")["pid"])


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process is stopped for as long as the context lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
