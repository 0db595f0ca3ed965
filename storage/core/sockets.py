"""Connections to MongoDB that take fewer system calls than the driver's own.

The driver changes a socket's timeout five times for each command, waits for it to be ready with a call of its own,
and reads an answer in two parts: eleven calls, at each of which the thread lets another one run and waits for its
turn again. Here they are two for an answer of up to 64 KiB: one sends, one waits and reads.

For sockets without TLS, on Linux. `tests/storage/core/test_sockets.py` fails when an upgrade moves a point at which
this reaches into the driver.
"""

import socket
import struct
import sys
from typing import Any

from pymongo.network_layer import NetworkingInterface
from pymongo.synchronous.pool import Connection, Pool

# What is read at once. Each connection has so much memory.
AHEAD_BYTES = 64 * 1024
# The kernel's timeout of a socket, see socket(7); zero would be none.
TIMEOUT = struct.Struct("@ll")
SHORTEST_MICROSECONDS = 1


class PlainSocket:
    """As much of a socket as the driver uses: its timeout is the kernel's, and it reads ahead.

    `timeout` is in seconds; None waits for ever, 0 not at all. One thread at a time may use it.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._timeout = connected.gettimeout()
        self._socket = connected
        connected.setblocking(True)
        self._waits: float | None = None
        self._ahead = memoryview(bytearray(AHEAD_BYTES))
        # What has been read and not been taken.
        self._begin = self._end = 0

    def gettimeout(self) -> float | None:
        """How long a call may wait."""
        return self._timeout

    def settimeout(self, timeout: float | None) -> None:
        """Let every call wait so long; no system call, until one of them waits."""
        self._timeout = timeout

    def sendall(self, content: bytes) -> None:
        """Send all of it. Raises `TimeoutError`."""
        try:
            sent = self._socket.send(content, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent < len(content):
            self._send_slowly(memoryview(content)[sent:])

    def _send_slowly(self, content: memoryview) -> None:
        """More than the kernel has room for: all of it within one timeout, as Python's own sockets do it."""
        self._socket.settimeout(self._timeout)
        try:
            self._socket.sendall(content)
        finally:
            self._socket.setblocking(True)

    def recv_into(self, buffer: memoryview) -> int:
        """Read what is there, or comes first; how many bytes, 0 at the end.

        Raises `TimeoutError`, with a timeout of 0 `BlockingIOError`.
        """
        if self._begin == self._end:
            if len(buffer) >= AHEAD_BYTES:
                return self._receive(buffer)
            self._begin, self._end = 0, self._receive(self._ahead)
        count = min(len(buffer), self._end - self._begin)
        buffer[:count] = self._ahead[self._begin : self._begin + count]
        self._begin += count
        return count

    def _receive(self, buffer: memoryview) -> int:
        if self._timeout == 0:
            return self._socket.recv_into(buffer, 0, socket.MSG_DONTWAIT)
        if self._timeout != self._waits:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, kernels(self._timeout))
            self._waits = self._timeout
        try:
            return self._socket.recv_into(buffer)
        except BlockingIOError:
            raise TimeoutError("timed out") from None

    def fileno(self) -> int:
        """The descriptor, -1 once it is closed; also for `select`."""
        return self._socket.fileno()

    def shutdown(self, how: int) -> None:
        """End one direction of the connection, or both."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def kernels(timeout: float | None) -> bytes:
    """A timeout in seconds as the kernel has it."""
    if timeout is None:
        return TIMEOUT.pack(0, 0)
    seconds, microseconds = divmod(round(timeout * 1e6), 10**6)
    return TIMEOUT.pack(seconds, microseconds if seconds else max(microseconds, SHORTEST_MICROSECONDS))


class PlainPool(Pool):
    """The driver's pool, with such sockets where they can be."""

    def connect(self, handler: Any = None) -> Connection:
        """A new connection. Raises what the driver's does."""
        connection = super().connect(handler)
        # What asks how the servers are waits long, and is ended by other threads.
        if not self.is_sdam:
            connection.conn = plain(connection.conn)
        return connection


def plain(interface: NetworkingInterface) -> NetworkingInterface:
    """The same connection by a `PlainSocket`; as it is where it has TLS, or the kernel another timeout."""
    connected: Any = interface.get_conn
    if type(connected) is not socket.socket or sys.platform != "linux":
        return interface
    return NetworkingInterface(PlainSocket(connected))  # type: ignore[arg-type]
