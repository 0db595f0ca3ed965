"""The members of a replica set: which of them a URI wants long reads to ask, and how to ask each."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.read_preferences import Nearest, Primary
from pymongo.server_description import ServerDescription

Address = tuple[str, int | None]
# The driver's own type of these has no public name.
ReadPreference = Any

PREFERENCES = {"readpreference", "readpreferencetags", "maxstalenessseconds"}
_asked: ContextVar[Address | None] = ContextVar("member", default=None)


def read_preference(uri: str, options: Mapping[str, Any]) -> ReadPreference | None:
    """What a URI with these options says of reads; None where that is the primary. Raises what the driver does."""
    if not PREFERENCES & {name.casefold() for name in options}:
        return None
    with MongoClient[dict[str, Any]](uri, connect=False) as client:
        wanted = client.read_preference
    return None if wanted == Primary() else wanted


def chosen(servers: Sequence[ServerDescription]) -> Sequence[ServerDescription]:
    """Those of the servers that may be asked, for the driver: all but within `at_each_member`."""
    wanted = _asked.get()
    return [each for each in servers if each.address == wanted] if wanted else servers


def at_each_member(client: MongoClient[dict[str, Any]], command: str, value: object) -> None:
    """Give every member that is there a command; raises the last one's error if any refused."""
    refused: PyMongoError | None = None
    for address in client.nodes:
        token = _asked.set(address)
        try:
            client.admin.command(command, value, read_preference=Nearest())
        except PyMongoError as error:
            refused = error
        finally:
            _asked.reset(token)
    if refused:
        raise refused
