"""Keyset pagination: a cursor carries sort value and `_id` of the last row, so ties neither repeat nor drop."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

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

    `kind` names the list and its filters: a cursor of one list is not accepted by another.
    """

    sort_key: str
    descending: bool
    kind: str

    @property
    def sort(self) -> list[tuple[str, int]]:
        """The order as MongoDB takes it."""
        direction = -1 if self.descending else 1
        return [(self.sort_key, direction), ("_id", direction)]

    def after(self, cursor: str | None) -> Document:
        """The filter for the rows after a cursor; raises `BrokenCursor`."""
        if cursor is None:
            return {}
        moment, row_id = self._decode(cursor)
        operator = "$lt" if self.descending else "$gt"
        ties = {self.sort_key: moment, "_id": {operator: row_id}}
        # MongoDB sorts rows without a date before all others, and compares dates with dates only.
        if moment is None:
            return ties if self.descending else {"$or": [ties, {self.sort_key: {"$gte": _FIRST}}]}
        undated: list[Document] = [{self.sort_key: None}] if self.descending else []
        # The outer bound lets MongoDB seek in the index; the `$or` alone would scan from the start.
        bound = {"$not": {"$gt": moment}} if self.descending else {"$gte": moment}
        return {self.sort_key: bound, "$or": [{self.sort_key: {operator: moment}}, ties, *undated]}

    def page(self, rows: list[Document], limit: int, *, complete: bool = True) -> Page:
        """The page for `limit + 1` rows that were asked for: the last one only shows that there is more.

        Not `complete` are fewer that were read, because they are so large; there are more then, too.
        """
        if complete and len(rows) <= limit:
            return Page(rows, None)
        items = rows[:limit]
        return Page(items, self._encode(items[-1]))

    def _encode(self, row: Mapping[str, Any]) -> str:
        moment = row.get(self.sort_key)
        milliseconds = (
            (moment.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND if isinstance(moment, datetime) else None
        )
        payload = json.dumps([milliseconds, str(row["_id"]), self._fingerprint()], separators=(",", ":"))
        return base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")

    def _decode(self, cursor: str) -> tuple[datetime | None, ObjectId]:
        try:
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            milliseconds, row_id, fingerprint = json.loads(base64.b64decode(padded, b"-_", validate=True))
            if type(row_id) is not str or fingerprint != self._fingerprint():
                raise BrokenCursor
            if milliseconds is not None and type(milliseconds) is not int:
                raise BrokenCursor
            moment = None if milliseconds is None else _EPOCH + milliseconds * _MILLISECOND
            object_id = ObjectId(row_id)
        except (ValueError, TypeError, OverflowError, RecursionError, InvalidId) as error:
            raise BrokenCursor from error
        return moment, object_id

    def _fingerprint(self) -> str:
        named = f"{self.kind}|{self.sort_key}|{self.descending}"
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:8]
