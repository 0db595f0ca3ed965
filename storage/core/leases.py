"""Work that waits in a collection, from which every worker takes: due at `due`, and held by moving that."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pymongo import ASCENDING, ReturnDocument
from pymongo.collection import Collection

from storage.core.database import Document
from storage.core.repository import now
from storage.core.translation import translated


def take_due(
    collection: Collection[Document],
    lease: timedelta,
    *,
    among: Mapping[str, Any] | None = None,
    marks: Mapping[str, Any] | None = None,
) -> Document | None:
    """The one that has been due for longest, which nobody else gets for as long as the lease; None if none is due.

    Only one `among` these is taken. Its `attempts` are one more, and `marks` are set on it.
    """
    moment = now()
    with translated():
        return collection.find_one_and_update(
            {"due": {"$lte": moment}, **(among or {})},
            {"$set": {**(marks or {}), "due": moment + lease}, "$inc": {"attempts": 1}},
            sort=[("due", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
