"""The embedded server as a replica set of one: that is what gives it transactions."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.embedded.binary import EmbeddedUnavailable

if TYPE_CHECKING:
    from pymongo import MongoClient

REPLICA_SET = "echo"
ALREADY_INITIATED = 23
ANSWER_MS = 500


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
