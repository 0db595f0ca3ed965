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
from pymongo import _csot
from pymongo.collection import Collection

Document = dict[str, Any]


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
    command: Document = {"find": collection.name, "filter": wanted, "limit": most, "batchSize": most}
    command |= {"projection": shown} if shown else {}
    command |= {"sort": dict(order)} if order else {}
    command |= {"maxTimeMS": max_time_ms} if max_time_ms else {}
    command["singleBatch"] = True
    client, options = collection.database.client, collection.codec_options
    undecoded = options.with_options(document_class=RawBSONDocument)

    def ask(_session: Any, _server: Any, connection: Any, preference: Any) -> RawBSONDocument:
        answered: RawBSONDocument = connection.command(
            collection.database.name,
            # A copy for each attempt: the driver puts what is left of the time into it.
            dict(command),
            preference,
            undecoded,
            read_concern=collection.read_concern,
            client=client,
        )
        return answered

    answer: RawBSONDocument = client._retry_internal(
        ask,
        None,
        None,
        "find",
        is_read=True,
        read_pref=collection.read_preference,
        retryable=client.options.retry_reads,
    )
    return Answer(answer.raw, options)


def find_one_at_once(
    collection: Collection[Document], wanted: Mapping[str, Any], shown: Mapping[str, Any] | None = None
) -> Document | None:
    """A document of those that are wanted, None if there is none; as the driver's `find_one`."""
    return next(iter(find_at_once(collection, wanted, shown or {}, (), most=1).documents()), None)
