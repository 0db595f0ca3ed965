"""The file that says that the server answers: for scripts, which wait for it and then read the address."""

import http.client
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

# How often the server is asked until it answers, and how long one answer may take.
ASKING_SECONDS = 0.02
ANSWER_SECONDS = 5.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - it is the name of it


def address_of(host: str, port: int) -> str:
    """The URL at which a process of this machine reaches a server that listens there."""
    host = EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def ready_file(path: Path | None, url: str) -> Iterator[None]:
    """Write the file once the server at `url` says that it is ready; remove it at the end.

    It holds `ECHO_URL` and `ECHO_PID`, one a line as in a `.env`, and is there whole or not at all. One that an
    earlier server left is removed at the beginning.
    """
    if path is None:
        yield
        return
    path.unlink(missing_ok=True)
    over = threading.Event()
    waiter = threading.Thread(target=_announce, args=(path, url, over), name="ready-file", daemon=True)
    waiter.start()
    try:
        yield
    finally:
        over.set()
        waiter.join(2 * ANSWER_SECONDS)
        path.unlink(missing_ok=True)


def _announce(path: Path, url: str, over: threading.Event) -> None:
    while not is_ready(url):
        if over.wait(ASKING_SECONDS):
            return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"ECHO_URL={url}\nECHO_PID={os.getpid()}\n")
    Path(name).replace(path)


def is_ready(url: str) -> bool:
    """Whether the server answers, and says that everything is there that it needs."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=ANSWER_SECONDS)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/ready")
        try:
            return connection.getresponse().status == http.client.OK
        finally:
            connection.close()
    return False
