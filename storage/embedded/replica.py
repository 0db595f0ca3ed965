"""The embedded server as a replica set of one: that is what gives it transactions."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.embedded.binary import EmbeddedUnavailable

if TYPE_CHECKING:
    from pymongo import MongoClient

REPLICA_SET = "echo"
START_SECONDS = 60.0
# How often it is looked whether the server listens, and then, whether it takes writes.
LISTENS_SECONDS, TAKES_WRITES_SECONDS = 0.005, 0.02
ALREADY_INITIATED = 23
ANSWER_MS = 500


def wait_until_ready(uri: str, path: Path, check: Callable[[], None] = lambda: None) -> None:
    """Wait for a server that has been started, whose socket is at `path`, until it takes writes.

    It is made a replica set of one where it is none yet. Any process may wait; `check` raises what ends it. Raises
    `EmbeddedUnavailable` where the server refuses that, or takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        check()
        # The driver would look for it only twice a second.
        if not listens(path):
            time.sleep(LISTENS_SECONDS)
        elif is_ready(uri, initiate=path):
            return
        else:
            time.sleep(TAKES_WRITES_SECONDS)
    raise EmbeddedUnavailable(f"the server did not become ready in {START_SECONDS:.0f} s.")


def listens(path: Path) -> bool:
    """Whether a server takes connections at that socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except OSError:
            return False
    return True


def is_ready(uri: str, *, initiate: Path | None = None) -> bool:
    """Whether the server takes writes.

    With `initiate`, the path of its socket, it is made a replica set of one where it is none yet. Raises
    `EmbeddedUnavailable` if it refuses that.
    """
    # Imported here: the server starts while the driver loads.
    from pymongo import MongoClient  # noqa: PLC0415
    from pymongo.errors import PyMongoError  # noqa: PLC0415

    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=ANSWER_MS) as client:
            hello = client.admin.command("hello")
            if initiate and not hello.get("setName"):
                _initiate(client, initiate)
            return bool(hello.get("isWritablePrimary"))
    except PyMongoError:
        return False


def _initiate(client: "MongoClient[dict[str, Any]]", socket: Path) -> None:
    from pymongo.errors import OperationFailure  # noqa: PLC0415

    # The member's address is the path of the socket; the server recognises itself by it.
    member = {"_id": 0, "host": str(socket)}
    try:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
    except OperationFailure as error:
        if error.code != ALREADY_INITIATED:
            raise EmbeddedUnavailable(f"it cannot become a replica set ({error.code}).") from error
        # The data were made under another path, and the server does not know itself any more.
        config = client.admin.command("replSetGetConfig")["config"]
        changed = {**config, "members": [member], "version": config["version"] + 1}
        client.admin.command("replSetReconfig", changed, force=True)
