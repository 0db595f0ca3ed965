"""The time of a request as a whole, for threads: a limit for each read never ends what comes drop by drop."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


@contextmanager
def cut_off(session: "requests.Session", seconds: float) -> Iterator[None]:
    """Close the connections of a session after so many seconds, whatever is sent or awaited in them by then.

    Who reads or writes then gets an error of the connection, or the end of the answer, as where the other side had
    closed it; so raises `requests.Timeout` where nothing else was raised. For one request: connections that were made
    before are not known.
    """
    # Imported here: few processes need it, and it takes long.
    import requests  # noqa: PLC0415

    watch = _Watch()
    for adapter in session.adapters.values():
        watch.over(adapter)
    timer = threading.Timer(seconds, watch.end)
    timer.daemon = True
    timer.start()
    try:
        yield
        if watch.is_over:
            raise requests.Timeout("the request took too long")
    finally:
        timer.cancel()
        watch.forget()


class _Watch:
    """The sockets of connections, from before their handshakes: in copies, as TLS takes theirs over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.is_over = False

    def over(self, adapter: Any) -> None:
        """Watch what an adapter connects to, by itself and through proxies."""
        self._over(adapter.poolmanager)
        of_proxy = adapter.proxy_manager_for
        adapter.proxy_manager_for = lambda *args, **kwargs: self._over(of_proxy(*args, **kwargs))

    def _over(self, manager: Any) -> Any:
        pools = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {scheme: self._watched(pool) for scheme, pool in pools.items()}
        return manager

    def _watched(self, pool: Any) -> Any:
        note = self._note

        class Connection(pool.ConnectionCls):  # type: ignore[misc]
            """One whose socket is known as soon as there is one."""

            def _new_conn(self) -> socket.socket:
                made: socket.socket = super()._new_conn()
                note(made)
                return made

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    def _note(self, made: socket.socket) -> None:
        with self._lock:
            self._sockets.append(made.dup())
            if self.is_over:
                self._shut()

    def end(self) -> None:
        """Close them, and each that is made from now on."""
        with self._lock:
            self.is_over = True
            self._shut()

    def _shut(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Let them go."""
        with self._lock:
            for each in self._sockets:
                each.close()
            self._sockets.clear()
