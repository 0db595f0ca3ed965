"""Changing a document in one command that MongoDB keeps no account of.

The driver's `find_one_and_update` may be sent again where the connection breaks. For that MongoDB notes the command
in `config.transactions` and the document in `config.image_collection`: two more writes, a quarter of what the change
costs it. A change that can be taken back, or does no harm when it is made twice, needs no such account.
`tests/storage/core/test_changing.py` fails when an upgrade moves a point at which this reaches into the driver.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pymongo import _csot
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.helpers_shared import _RETRYABLE_ERROR_CODES, _check_write_command_response

from storage.core.translation import was_not_sent

Document = dict[str, Any]


@_csot.apply
def change_at_once(
    collection: Collection[Document],
    wanted: Mapping[str, Any],
    change: Mapping[str, Any],
    shown: Mapping[str, Any] | None = None,
    *,
    after: bool = False,
    take_back: Callable[[], object] = lambda: None,
) -> Document | None:
    """Change a document; what is `shown` of it as it was, or as it is `after`, None where there is none.

    Where it is not known whether it was changed, `take_back` is called, and it is changed in the driver's way: a
    server that is slow may still change it a second time. Raises what the driver's `find_one_and_update` raises.
    """
    try:
        return _change(collection, wanted, change, shown, after)
    except PyMongoError as error:
        if not collection.database.client.options.retry_writes or not may_be_tried_again(error):
            raise
        try:
            take_back()
            return collection.find_one_and_update(wanted, change, projection=shown, return_document=after)
        except ServerSelectionTimeoutError:
            # The first attempt says more: it may have been made.
            raise error from None


def _change(
    collection: Collection[Document],
    wanted: Mapping[str, Any],
    change: Mapping[str, Any],
    shown: Mapping[str, Any] | None,
    after: bool,
) -> Document | None:
    command: Document = {"findAndModify": collection.name, "query": wanted, "update": change, "new": after}
    command |= {"fields": shown} if shown else {}
    client = collection.database.client
    with client._conn_for_writes(None, "findAndModify") as connection:
        answer: Document = connection.command(
            collection.database.name,
            command,
            codec_options=collection.codec_options,
            write_concern=collection.write_concern,
            client=client,
        )
        _check_write_command_response(answer)
    changed: Document | None = answer["value"]
    return changed


def may_be_tried_again(error: PyMongoError) -> bool:
    """Whether another attempt may succeed, and there is time for it: the driver's own rule."""
    if (left := _csot.remaining()) is not None and left <= 0:
        return False
    if isinstance(error, OperationFailure):
        return error.code in _RETRYABLE_ERROR_CODES or error.has_error_label("RetryableError")
    return isinstance(error, ConnectionFailure) and not was_not_sent(error)
