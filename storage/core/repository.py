"""What all repositories have in common."""

from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.operations import IndexModel

from storage.core.database import Database, Document
from storage.core.errors import NotFound

# How long MongoDB works on one page of a list: by its index a page takes milliseconds.
LIST_SECONDS = 10
LIST_MS = LIST_SECONDS * 1000


class Repository:
    """A small class over one collection; its indexes stand beside it, with LibreChat's names and options."""

    collection_name: ClassVar[str]
    indexes: ClassVar[tuple[IndexModel, ...]] = ()

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection: Collection[Document] = database.collection(self.collection_name)

    @cached_property
    def _lists(self) -> Collection[Document]:
        """The collection as lists read it: dates, which MongoDB has in UTC, come without a time zone.

        To give each date its zone takes the driver two thirds of the decoding of a page.
        """
        options = self._collection.codec_options.with_options(tz_aware=False)
        return self._collection.with_options(codec_options=options)

    @cached_property
    def _searched(self) -> Collection[Document]:
        """The same for searches, which read much: they may ask a member that is no primary (`Stop.over`)."""
        elsewhere = self._database.collection_elsewhere(self.collection_name)
        return elsewhere.with_options(codec_options=self._lists.codec_options)


def owner_id(owner: str) -> ObjectId:
    """The owner as the ObjectId that users, sessions, files and assistants refer to.

    Raises `NotFound` for a text that is none: there is no such owner.
    """
    if not ObjectId.is_valid(owner):
        raise NotFound
    return ObjectId(owner)


def now() -> datetime:
    """The time as MongoDB stores it: to the millisecond, in UTC."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def found(document: Any) -> Document:
    """The document; raises `NotFound` for None."""
    if document is None:
        raise NotFound
    result: Document = document
    return result
