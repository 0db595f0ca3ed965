"""Finding what one answer of MongoDB's holds: a page of a list, a short list, one document.

The driver's cursor is made for lists without an end: it has a session of its own, which MongoDB keeps as long as the
list is read. What comes at once needs neither. Without them the driver takes two thirds of the processor time for a
page. Everything else is as with a cursor: the deadline, the look for a server, and that the read is tried again where
the connection breaks. `tests/storage/core/test_finding.py` fails when an upgrade moves a point at which this
reaches into the driver.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, _csot
from pymongo.collection import Collection
from pymongo.helpers_shared import _check_command_response
from pymongo.message import _COMMAND_OVERHEAD, _op_msg, _raise_document_too_large
from pymongo.synchronous.pool import Connection

Document = dict[str, Any]
# How an answer begins that has a list: with an embedded document of this name.
FOUND = b"\x03cursor\x00"
# MongoDB's code for a login by OpenID Connect that has ended; the driver renews it.
LOG_IN_AGAIN = 391
QUICK = {"projection", "sort"}


class Answer:
    """What MongoDB said, in `size` bytes, not decoded yet."""

    def __init__(self, raw: bytes | memoryview, options: Any) -> None:
        self.size = len(raw)
        self._raw = raw
        self._options = options

    def documents(self) -> list[Document]:
        """The documents, decoded as their collection has it."""
        found: list[Document] = bson.decode(self._raw, self._options)["cursor"]["firstBatch"]
        return found


@_csot.apply
def find_at_once(
    collection: Collection[Document],
    wanted: Mapping[str, Any],
    shown: Mapping[str, Any],
    order: Sequence[tuple[str, int]],
    *,
    most: int,
    max_time_ms: int | None = None,
) -> Answer:
    """The first documents of a list, in one command: `most` of them, fewer where those have more than 16 MB.

    Raises what the driver's `find` raises.
    """
    command = find_command(collection, wanted, shown, most)
    command |= {"sort": dict(order)} if order else {}
    command |= {"maxTimeMS": max_time_ms} if max_time_ms else {}
    client = collection.database.client

    def ask(_session: Any, _server: Any, connection: Connection, preference: Any) -> bytes | memoryview:
        # A copy for each attempt: the driver puts into it what is left of the time, and the database's name.
        return asked(connection, client, collection, dict(command), preference)

    raw: bytes | memoryview = client._retry_internal(
        ask,
        None,
        None,
        "find",
        is_read=True,
        read_pref=collection.read_preference,
        retryable=client.options.retry_reads,
    )
    return Answer(raw, collection.codec_options)


def find_command(
    collection: Collection[Document], wanted: Mapping[str, Any], shown: Mapping[str, Any], most: int
) -> Document:
    """The command for some documents that come in one answer, whatever their order."""
    command: Document = {"find": collection.name, "filter": wanted, "limit": most, "batchSize": most}
    command |= {"projection": shown} if shown else {}
    command |= {"readConcern": collection.read_concern.document} if collection.read_concern.level else {}
    command["singleBatch"] = True
    return command


def asked(
    connection: Connection,
    client: MongoClient[Document],
    collection: Collection[Document],
    command: Document,
    preference: Any,
) -> bytes | memoryview:
    """What MongoDB answers a command, as bytes. Raises what the driver's `Connection.command` raises.

    That looks into each answer for what only sessions and transactions need, and tells listeners of it: half of what
    a read of one document takes. Where something listens, or compresses, it is asked nevertheless.
    """
    options, name = collection.codec_options, collection.database.name
    listeners = connection.listeners
    if connection.compression_context or (listeners and listeners.enabled_for_commands):
        return asked_by_driver(connection, client, collection, command, preference)
    connection.apply_timeout(command)
    request, message, size, _ = _op_msg(0, command, name, preference, options)
    if size > (most := connection.max_bson_size + _COMMAND_OVERHEAD):
        _raise_document_too_large(next(iter(command)), size, most)
    connection.send_message(message, 0)
    raw = connection.receive_message(request).raw_command_response()
    # A list that was found comes first in its answer, whatever else MongoDB says.
    if raw[4:12] != FOUND:
        answer = bson.decode(raw, options)
        if answer.get("code") == LOG_IN_AGAIN:
            return asked_by_driver(connection, client, collection, command, preference)
        _check_command_response(answer, connection.max_wire_version)
    return raw


def asked_by_driver(
    connection: Connection,
    client: MongoClient[Document],
    collection: Collection[Document],
    command: Document,
    preference: Any,
) -> bytes | memoryview:
    """The same, by the driver's own function for any command."""
    undecoded: Any = collection.codec_options.with_options(document_class=RawBSONDocument)
    name = collection.database.name
    answered: Any = connection.command(name, command, preference, undecoded, client=client)
    raw: bytes | memoryview = answered.raw
    return raw


def find_one_at_once(
    collection: Collection[Document],
    wanted: Mapping[str, Any],
    shown: Mapping[str, Any] | None = None,
    order: Sequence[tuple[str, int]] = (),
) -> Document | None:
    """The first document of those that are wanted, None if there is none; as the driver's `find_one`."""
    return next(iter(find_at_once(collection, wanted, shown or {}, order, most=1).documents()), None)


class QuickCollection(Collection[Document]):
    """A collection of the driver's whose `find_one` is `find_one_at_once`, where it is asked for nothing else."""

    def find_one(self, filter: Any = None, *args: Any, **options: Any) -> Document | None:  # noqa: A002 - the driver's
        """The first document, None if there is none. Takes and raises what the driver's own does."""
        shown, *others = args or (options.get("projection"),)
        order = options.get("sort") or ()
        is_simple = not others and options.keys() <= QUICK and not isinstance(order, str)
        if is_simple and isinstance(filter, Mapping) and (shown is None or isinstance(shown, Mapping)):
            return find_one_at_once(self, filter, shown, order)
        return super().find_one(filter, *args, **options)
