"""A line to the database: one connection for the few commands that a thread sends one after the other.

For each command the driver looks for a server, takes a connection of its pool, and gives it back. What is asked in a
row needs that once. The driver is told of a command that fails, and takes its connection back; where another attempt
may succeed, that is made on another connection, by the driver's own rules.
`tests/storage/core/test_lines.py` fails when an upgrade moves a point at which this reaches into the driver.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

import bson
from pymongo import MongoClient, WriteConcern, _csot
from pymongo.collection import Collection
from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.helpers_shared import _RETRYABLE_ERROR_CODES, _check_write_command_response
from pymongo.read_preferences import Primary

from storage.core.finding import asked, find_at_once, find_command
from storage.core.translation import was_not_sent

Document = dict[str, Any]
T = TypeVar("T")


class Line:
    """A connection to the primary, taken for the first command and kept until it is given back.

    For one thread. To be given back before the thread asks for anything in another way: where all connections of the
    pool are held, that would wait for one of them.
    """

    def __init__(self, client: MongoClient[Document]) -> None:
        self._client = client
        self._timeout = client.options.timeout
        self._held: Any = None
        self._connection: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self, error: BaseException | None = None) -> None:
        """Let the driver have the connection again; the next command takes one anew."""
        held, self._held, self._connection = self._held, None, None
        if held is not None:
            held.__exit__(type(error) if error else None, error, None)

    @property
    def connection(self) -> Any:
        """The driver's connection."""
        if self._connection is None:
            held = self._client._conn_for_writes(None, "line")
            self._connection, self._held = held.__enter__(), held
        return self._connection

    @_csot.apply
    def command(
        self, collection: Collection[Document], command: Document, concern: WriteConcern | None = None
    ) -> Document:
        """Send a command once; its answer, decoded as the collection has it. Raises what the driver's does."""
        # The driver puts what is left of the time into it.
        command = dict(command)
        _csot.apply_write_concern(command, concern)
        try:
            raw = asked(self.connection, self._client, collection, command, Primary())
            answer: Document = bson.decode(raw, collection.codec_options)
            _check_write_command_response(answer)
        except BaseException as error:
            self.give_back(error)
            raise
        return answer

    @_csot.apply
    def find(
        self,
        collection: Collection[Document],
        wanted: Mapping[str, Any],
        shown: Mapping[str, Any],
        *,
        most: int,
    ) -> list[Document]:
        """Some documents, as `find_at_once` finds them."""
        try:
            answer = self.command(collection, find_command(collection, wanted, shown, most))
        except PyMongoError as error:
            if not self._client.options.retry_reads:
                raise
            return again(error, lambda: find_at_once(collection, wanted, shown, (), most=most).documents())
        found: list[Document] = answer["cursor"]["firstBatch"]
        return found

    @_csot.apply
    def change(
        self,
        collection: Collection[Document],
        wanted: Mapping[str, Any],
        change: Mapping[str, Any],
        shown: Mapping[str, Any] | None = None,
        *,
        after: bool = False,
        take_back: Callable[[], object] = lambda: None,
    ) -> Document | None:
        """Change a document; what is `shown` of it as it was, or as it is `after`, None where there is none.

        MongoDB keeps no account of it: for the driver's `find_one_and_update`, which may be sent again, it notes the
        command in `config.transactions` and the document in `config.image_collection`, a quarter of what it costs.
        Where it is not known whether the document was changed, `take_back` is called, and it is changed in the
        driver's way: a server that is slow may still change it a second time.
        """
        command: Document = {
            "findAndModify": collection.name,
            "query": wanted,
            "update": change,
            "new": after,
        }
        command |= {"fields": shown} if shown else {}

        def anew() -> Document | None:
            take_back()
            return collection.find_one_and_update(wanted, change, projection=shown, return_document=after)

        try:
            answer = self.command(collection, command, collection.write_concern)
        except PyMongoError as error:
            if not self._client.options.retry_writes:
                raise
            return again(error, anew)
        changed: Document | None = answer["value"]
        return changed

    @_csot.apply
    def insert(self, collection: Collection[Document], documents: Sequence[Document]) -> bool:
        """Insert documents, which have keys that are new, in this order; whether it was sent a second time.

        Of this too MongoDB keeps no account: a key can be there once. Where it is not known whether they were stored,
        those that are not there are inserted in the driver's way; others may have seen, and deleted, one meanwhile.
        Raises what the driver's `insert_one` raises, also for several.
        """
        command: Document = {"insert": collection.name, "ordered": True, "documents": documents}
        try:
            self.command(collection, command, collection.write_concern)
        except DocumentTooLarge:
            # As one command; the driver makes several of them.
            if len(documents) == 1:
                raise
            collection.insert_many(documents)
        except PyMongoError as error:
            if not self._client.options.retry_writes:
                raise
            again(error, lambda: insert_missing(collection, documents))
            return True
        return False


def insert_missing(collection: Collection[Document], documents: Sequence[Document]) -> None:
    """Insert those whose keys are not there.

    What is there already is waited for as well: MongoDB answers a refusal when all before it is in the journal.
    """
    for each in documents:
        try:
            collection.insert_one(each)
        except DuplicateKeyError:
            if collection.find_one({"_id": each["_id"]}, {"_id": 1}) is None:
                raise


def again(error: PyMongoError, attempt: Callable[[], T]) -> T:
    """What another attempt gives, if one may succeed and there is time for it; raises the error if not.

    As the driver has it: where the second attempt was not made, the error of the first says more.
    """
    if not may_be_tried_again(error):
        raise error
    try:
        return attempt()
    except PyMongoError as second:
        if isinstance(second, ServerSelectionTimeoutError) or second.has_error_label("NoWritesPerformed"):
            raise error from None
        raise


def may_be_tried_again(error: PyMongoError) -> bool:
    """Whether another attempt may succeed, and there is time for it: the driver's own rule."""
    if (left := _csot.remaining()) is not None and left <= 0:
        return False
    if isinstance(error, OperationFailure):
        return error.code in _RETRYABLE_ERROR_CODES or error.has_error_label("RetryableError")
    return isinstance(error, ConnectionFailure) and not was_not_sent(error)
