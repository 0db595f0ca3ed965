"""Keyset pagination: a cursor carries sort value and `_id` of the last row, so ties neither repeat nor drop."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from bson import ObjectId
from bson.errors import InvalidId

from storage.core.errors import BrokenCursor

Document = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Page:
    """Some rows of a list, and the cursor of the rows after them (None at the end)."""

    items: list[Document]
    next_cursor: str | None


@dataclass(frozen=True)
class Keyset:
    """The order of one list, and what it is a list of.

    `kind` names the list and its filters: a cursor of one list is not accepted by another. `of_text` says that
    `sort_key` holds texts; otherwise it holds dates. Either may be missing.
    """

    sort_key: str
    descending: bool
    kind: str
    of_text: bool = False

    @property
    def sort(self) -> list[tuple[str, int]]:
        """The order as MongoDB takes it."""
        direction = -1 if self.descending else 1
        return [(self.sort_key, direction), ("_id", direction)]

    def after(self, cursor: str | None) -> Document:
        """The filter for the rows after a cursor; raises `BrokenCursor`."""
        if cursor is None:
            return {}
        value, row_id = self._decode(cursor)
        operator = "$lt" if self.descending else "$gt"
        ties = {self.sort_key: value, "_id": {operator: row_id}}
        # MongoDB sorts rows without a value before all others, and compares dates with dates, texts with texts.
        if value is None:
            first = "" if self.of_text else _FIRST
            return ties if self.descending else {"$or": [ties, {self.sort_key: {"$gte": first}}]}
        undated: list[Document] = [{self.sort_key: None}] if self.descending else []
        # The outer bound lets MongoDB seek in the index; the `$or` alone would scan from the start.
        bound = {"$not": {"$gt": value}} if self.descending else {"$gte": value}
        return {self.sort_key: bound, "$or": [{self.sort_key: {operator: value}}, ties, *undated]}

    def until(self, row: Document) -> Document:
        """The filter for the rows up to one and those level with it; empty for a row without a value."""
        value = row.get(self.sort_key)
        if not isinstance(value, str if self.of_text else datetime):
            return {}
        # Rows without a value are the last ones, or the first.
        return {self.sort_key: {"$gte": value} if self.descending else {"$not": {"$gt": value}}}

    def page(self, rows: list[Document], limit: int, *, complete: bool = True) -> Page:
        """The page for `limit + 1` rows that were asked for: the last one only shows that there is more.

        Not `complete` are fewer that were read, because they are so large; there are more then, too.
        """
        if complete and len(rows) <= limit:
            return Page(rows, None)
        items = rows[:limit]
        return Page(items, self._encode(items[-1]))

    def _encode(self, row: Mapping[str, Any]) -> str:
        # MongoDB's texts are UTF-8, so there is nothing here that has no bytes.
        payload = orjson.dumps([self._plain(row.get(self.sort_key)), str(row["_id"]), self._fingerprint()])
        return base64.urlsafe_b64encode(payload).decode().rstrip("=")

    def _plain(self, value: Any) -> str | int | None:
        if self.of_text:
            return value if isinstance(value, str) else None
        return (value.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND if isinstance(value, datetime) else None

    def _decode(self, cursor: str) -> tuple[datetime | str | None, ObjectId]:
        try:
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            plain, row_id, fingerprint = json.loads(base64.b64decode(padded, b"-_", validate=True))
            if type(row_id) is not str or fingerprint != self._fingerprint():
                raise BrokenCursor
            return self._value(plain), ObjectId(row_id)
        except (ValueError, TypeError, OverflowError, RecursionError, InvalidId) as error:
            raise BrokenCursor from error

    def _value(self, plain: Any) -> datetime | str | None:
        if plain is None:
            return None
        if self.of_text and type(plain) is str:
            # A lone surrogate, which JSON can name, is no text that MongoDB compares.
            return plain.encode().decode()
        if self.of_text or type(plain) is not int:
            raise BrokenCursor
        return _EPOCH + plain * _MILLISECOND

    def _fingerprint(self) -> str:
        named = f"{self.kind}|{self.sort_key}|{self.descending}"
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:8]
