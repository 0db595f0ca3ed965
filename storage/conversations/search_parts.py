"""`echo_search_parts`: which texts of an owner have which pieces, in portions of texts that were taken up together.

A portion has its texts' keys in the order of their numbers, and for each piece (by its hash) the numbers of the
texts that have it. Both are divided into documents of some kilobytes, so that a search reads few. Portions of one
size are joined into larger ones: what a search reads grows with the logarithm of how many texts there are.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.grams import hashed
from storage.core.postings import coded, joined, list_of, numbers, packed, unpacked
from storage.core.repository import Repository

# So many portions of a size become one of the next; the largest ones stay.
FAN = 8
LARGEST = 4
# Into so many documents the lists of the smallest portion are divided; those of the next into `FAN` times as many.
PARTS = 32
KEYS = 128
KEY_BYTES = 12
# In place of the key of a text that has gone.
NO_KEY = b"\0" * KEY_BYTES
# A portion's list is worth reading unless it is so much longer than what the others have left.
LONGER = 150
# Nor are the lists of a piece worth it that are longer together, nor all if those of the rarest piece are; a number
# takes a byte or little more.
LONGEST = 200_000


class Lost(Exception):
    """Documents of a portion are not there: it is being removed, or was partly."""


class TooMany(Exception):
    """More texts have the pieces than were asked for."""


@dataclass(frozen=True)
class Portion:
    """Texts that were taken up together: how often joined, how many, and the last one's key."""

    name: str
    size: int
    count: int
    last: ObjectId

    @classmethod
    def of(cls, document: Document) -> Self:
        """What `stored` made."""
        return cls(**document)

    @property
    def stored(self) -> Document:
        """The portion as the state of an index has it."""
        return asdict(self)

    @property
    def parts(self) -> int:
        """Into how many documents its lists are divided."""
        return PARTS * int(FAN**self.size)

    def part(self, value: int) -> str:
        """The name of the document with the list of a hash."""
        return f"{self.name}.{value % self.parts}"

    def key(self, number: int) -> str:
        """The name of the document with the key of a text."""
        return f"{self.name}.k{number // KEYS}"

    @property
    def all_keys(self) -> list[str]:
        """The names of the documents with its keys."""
        return [self.key(number) for number in range(0, self.count, KEYS)]


class SearchPartRepository(Repository):
    """The lists of portions, and the keys of their texts."""

    collection_name: ClassVar[str] = "echo_search_parts"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )

    def find(
        self, owner: str, portions: Sequence[Portion], pieces: Iterable[str], most: int, session: Any
    ) -> set[ObjectId]:
        """The keys of texts that may have all of the pieces. Raises `TooMany`, `Lost`."""
        hashes = {hashed(piece) for piece in pieces}
        parts = {each.part(value) for each in portions for value in hashes}
        data = self._read(owner, parts, session)
        lists = [{each: list_of(data[portion.part(each)], each) for each in hashes} for portion in portions]
        lengths = {each: sum(len(some[each]) for some in lists) for each in hashes}
        order = sorted(hashes, key=lambda each: lengths[each])
        if lengths[order[0]] > LONGEST:
            raise TooMany
        order = [each for each in order if lengths[each] <= LONGEST]
        left, found = most, list[tuple[Portion, set[int]]]()
        # The latest portions are the smallest: what is in many texts is soon too much.
        for portion, some in zip(reversed(portions), reversed(lists), strict=True):
            here = _common([some[each] for each in order])
            left -= len(here)
            if left < 0:
                raise TooMany
            found.append((portion, here))
        return self._keys(owner, found, session)

    def _keys(self, owner: str, wanted: Iterable[tuple[Portion, set[int]]], session: Any) -> set[ObjectId]:
        named = [(portion.key(each), each % KEYS) for portion, some in wanted for each in some]
        data = self._read(owner, {name for name, _ in named}, session)
        return {ObjectId(data[name][KEY_BYTES * place : KEY_BYTES * (place + 1)]) for name, place in named}

    def _read(self, owner: str, names: Collection[str], session: Any = None) -> dict[str, bytes]:
        if not names:
            return {}
        query = {"_id": {"$in": list(names)}, "user": owner}
        rows = self._collection.find(query, {"data": 1}, session=session, batch_size=len(names) + 1)
        data = {row["_id"]: row["data"] for row in rows}
        if len(data) < len(names):
            raise Lost
        return data

    def keys(self, owner: str, portion: Portion) -> list[bytes]:
        """The keys of a portion's texts; `NO_KEY` for those that have gone. Raises `Lost`."""
        names = portion.all_keys
        data = self._read(owner, names)
        whole = b"".join(data[name] for name in names)
        return [whole[begin : begin + KEY_BYTES] for begin in range(0, len(whole), KEY_BYTES)]

    def add(
        self,
        owner: str,
        expires: datetime,
        keys: Sequence[ObjectId],
        lists: dict[str, list[int]],
        rest: Callable[[], object],
    ) -> Portion:
        """Store a portion: its texts' keys, rising, and the numbers of those with each piece. Empties `lists`.

        `rest` is called now and then; what it raises leaves nothing stored.
        """
        portion = Portion(str(ObjectId()), 0, len(keys), keys[-1])
        parts: list[dict[int, list[int]]] = [{} for _ in range(portion.parts)]
        while lists:
            piece, some = lists.popitem()
            value = hashed(piece)
            part = parts[value % portion.parts]
            part[value] = sorted({*part[value], *some}) if value in part else some
        data = []
        for part in parts:
            data.append(packed({value: coded(some) for value, some in part.items()}))
            rest()
        self._write(owner, expires, ((portion.part(place), each) for place, each in enumerate(data)))
        self._write_keys(owner, expires, portion, [key.binary for key in keys])
        return portion

    def join(
        self,
        owner: str,
        expires: datetime,
        portions: Sequence[Portion],
        rest: Callable[[], object],
        gone: Collection[bytes] = (),
    ) -> Portion:
        """Store one portion with all that `FAN` of the same size have, or one without those that are gone.

        `rest` is called now and then. Raises `Lost`, and what `rest` raises; then nothing is stored.
        """
        keys = [NO_KEY if key in gone else key for each in portions for key in self.keys(owner, each)]
        without = {number for number, key in enumerate(keys) if key == NO_KEY} if gone else set()
        size = portions[0].size + (len(portions) > 1)
        made = Portion(str(ObjectId()), size, len(keys), portions[-1].last)
        try:
            for place in range(portions[0].parts):
                self._write(owner, expires, self._joined(owner, portions, made, place, without))
                rest()
            self._write_keys(owner, expires, made, keys)
        except BaseException:
            self.remove(owner, made)
            raise
        return made

    def _joined(
        self, owner: str, portions: Sequence[Portion], made: Portion, place: int, without: Collection[int]
    ) -> Iterator[tuple[str, bytes]]:
        data = self._read(owner, [each.part(place) for each in portions])
        found: dict[int, list[tuple[int, bytes]]] = {}
        offset = 0
        for each in portions:
            for value, some in unpacked(data[each.part(place)]):
                found.setdefault(value, []).append((offset, some))
            offset += each.count
        parts: dict[str, dict[int, bytes]] = {
            made.part(each): {} for each in range(place, made.parts, portions[0].parts)
        }
        for value, lists in found.items():
            whole = joined(lists)
            if without:
                whole = coded(number for number in numbers(whole) if number not in without)
            if whole:
                parts[made.part(value)][value] = whole
        return ((name, packed(part)) for name, part in parts.items())

    def _write_keys(self, owner: str, expires: datetime, portion: Portion, keys: Sequence[bytes]) -> None:
        pieces = (b"".join(keys[begin : begin + KEYS]) for begin in range(0, len(keys), KEYS))
        self._write(owner, expires, zip(portion.all_keys, pieces, strict=True))

    def _write(self, owner: str, expires: datetime, named: Iterable[tuple[str, bytes]]) -> None:
        self._collection.insert_many(
            {"_id": name, "user": owner, "data": data, "expiresAt": expires} for name, data in named
        )

    def remove(self, owner: str, *portions: Portion) -> None:
        """Remove portions."""
        for each in portions:
            self._collection.delete_many({"_id": _all_of(each), "user": owner})

    def keep(self, owner: str, portion: Portion, expires: datetime) -> None:
        """Keep a portion until then."""
        query = {"_id": _all_of(portion), "user": owner}
        self._collection.update_many(query, {"$set": {"expiresAt": expires}})

    def remove_all(self, owner: str) -> None:
        """Remove everything that is an owner's."""
        self._collection.delete_many({"user": owner})


def _common(lists: Sequence[bytes]) -> set[int]:
    """The numbers that are in the first list, and in all others that are worth reading."""
    first, *others = lists
    common = set(numbers(first))
    for each in others:
        if len(each) <= LONGER * len(common):
            common.intersection_update(numbers(each))
    return common


def _all_of(portion: Portion) -> Document:
    # A slash comes next after a full stop.
    return {"$gt": f"{portion.name}.", "$lt": f"{portion.name}/"}
