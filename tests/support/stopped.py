"""A process that is there and does nothing: what a swapped-out or suspended machine looks like from outside."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.support.waiting import until


def server_pid(uri: str) -> int:
    """The process of the server that answers there."""
    with MongoClient[dict[str, Any]](uri) as client:
        return int(client.admin.command("serverStatus")["pid"])


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process is stopped for as long as the context lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        # The signal comes back before the last thread has noticed.
        until(lambda: states(pid) == {"T"})
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def states(pid: int) -> set[str]:
    """How the kernel calls what the threads of a process do."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):
            found.add((task / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0])
    return found
