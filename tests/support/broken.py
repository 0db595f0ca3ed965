"""Connections to MongoDB that break at a certain command."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo.synchronous.pool import Connection


@contextmanager
def broken_at(command: str, *, done: bool, times: int = 1) -> Iterator[list[str]]:
    """The connection breaks when this thread sends this command: after MongoDB has `done` it, or before it got it.

    So often; gives the breaks that there were.
    """
    # Others may go on in the background.
    thread = threading.get_ident()
    breaks: list[str] = []
    # How MongoDB's protocol has it: the command is the first field, and it has a text.
    mark = b"\x02" + command.encode() + b"\0"
    send: Any = Connection.send_message
    receive: Any = Connection.receive_message

    def broken(self: Connection, message: bytes, *arguments: Any) -> None:
        if mark not in message or len(breaks) == times or threading.get_ident() != thread:
            send(self, message, *arguments)
            return
        breaks.append(command)
        if done:
            send(self, message, *arguments)
            receive(self, None)
        self.conn.get_conn.shutdown(socket.SHUT_RDWR)
        if not done:
            send(self, message, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "send_message", broken)
        yield breaks
