"""The sockets on which the workers listen."""

import socket
import sys
from typing import Any


class AddressUnavailable(Exception):
    """The address is taken, or not this machine's; the text says so to people."""


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to an address, to be handed to the workers. Raises `AddressUnavailable`.

    On Linux each worker gets a socket of its own on the port, and the kernel spreads connections over them. Of one
    socket that all share, the first worker to wake takes every connection that waits: of sixteen that a client opened
    at once it took all in four cases of ten, and the other worker idled.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = _bound(socket.socket(family), (host, port))
    if sys.platform != "linux":
        return probe
    # The probe without SO_REUSEPORT has failed where another program, even another Echo, listens already.
    address = probe.getsockname()
    probe.close()
    return _bind_own(family, address)


class WorkersSocket(socket.socket):
    """A bound socket; the process that it is sent to gets another one on the same port."""

    def __reduce__(self) -> Any:
        return _bind_own, (self.family, self.getsockname())


def _bind_own(family: socket.AddressFamily, address: Any) -> socket.socket:
    own = WorkersSocket(family)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return _bound(own, address)


def _bound(unbound: socket.socket, address: Any) -> socket.socket:
    unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        unbound.bind(address)
    except OSError as error:
        unbound.close()
        raise AddressUnavailable(
            f"Port {address[1]} on {address[0]} cannot be used: {error.strerror}."
        ) from error
    return unbound
