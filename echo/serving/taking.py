"""Whether a client takes what is sent to it, as the kernel sees it."""

import asyncio
import socket
import struct

# The kernel's `tcp_info` up to `tcpi_bytes_acked` (Linux).
BYTES_ACKED = struct.Struct("=120xQ")
# The value of SO_LINGER that makes of a close a reset: on, for no seconds.
RESET = struct.pack("ii", 1, 0)


class Taking:
    """How long the other end of a connection has acknowledged nothing, while it was asked.

    What waits in the process says little: the kernel has megabytes of room, and takes more only when a third of it is
    free, so whoever takes a few kilobytes a second would seem to take nothing for minutes.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._socket = transport.get_extra_info("socket")
        self._taken: int | None = None
        self._since = 0.0

    def stopped_for(self, now: float) -> float:
        """Seconds since it was first asked in a row, or took something."""
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED.size)
        (taken,) = BYTES_ACKED.unpack(info)
        if taken != self._taken:
            self._taken, self._since = taken, now
        return now - self._since

    def unasked(self) -> None:
        """Nothing waits for it."""
        self._taken = None


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once. Without a reset the kernel would keep for minutes what the client does not take."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()
