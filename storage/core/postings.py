"""Lists of rising numbers by hashes, in few bytes: what an index of texts is made of.

A list is stored as the distances between its numbers (the first one's from -1), seven bits in a byte, the lowest
first; all bytes of a distance but its last have the highest bit.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from struct import pack

LONG = 0x80


def coded(numbers: Iterable[int]) -> bytes:
    """The list as it is stored."""
    data, last = bytearray(), -1
    for number in numbers:
        distance = number - last
        last = number
        while distance >= LONG:
            data.append(distance & 0x7F | LONG)
            distance >>= 7
        data.append(distance)
    return bytes(data)


def numbers(data: bytes) -> Iterator[int]:
    """What `coded` was given."""
    rising = accumulate(data if data.isascii() else _distances(data), initial=-1)
    next(rising)
    return rising


def _distances(data: bytes) -> Iterator[int]:
    distance, shift = 0, 0
    for each in data:
        distance |= (each & 0x7F) << shift
        if each < LONG:
            yield distance
            distance, shift = 0, 0
        else:
            shift += 7


def last_of(data: bytes) -> int:
    """The last number of a stored list; -1 of an empty one."""
    return (sum(data) if data.isascii() else sum(_distances(data))) - 1


def joined(lists: Iterable[tuple[int, bytes]]) -> bytes:
    """One list of several, each with what is added to its numbers; they must rise from list to list."""
    whole, last = bytearray(), -1
    for offset, data in lists:
        end = next(place for place, each in enumerate(data) if each < LONG) + 1
        first = next(_distances(data[:end])) - 1
        whole += coded([offset + first - last - 1])
        whole += data[end:]
        last = offset + last_of(data)
    return bytes(whole)


def packed(lists: Mapping[int, bytes]) -> bytes:
    """Stored lists by hashes of 32 bits: how many, the hashes in order, where each list ends, the lists."""
    hashes = sorted(lists)
    data = [lists[each] for each in hashes]
    ends = accumulate(map(len, data))
    return pack(f"<I{len(hashes)}I{len(hashes)}I", len(hashes), *hashes, *ends) + b"".join(data)


def unpacked(data: bytes) -> Iterator[tuple[int, bytes]]:
    """What `packed` was given, in the order of the hashes."""
    count = int.from_bytes(data[:4], "little")
    table, start = _table(data, count), 4 + 8 * count
    begin = start
    for place in range(count):
        end = start + table[count + place]
        yield table[place], data[begin:end]
        begin = end


def list_of(data: bytes, wanted: int) -> bytes:
    """The stored list of one hash in what `packed` gave; empty where there is none."""
    count = int.from_bytes(data[:4], "little")
    table = _table(data, count)
    place = bisect_left(table, wanted, 0, count)
    if place == count or table[place] != wanted:
        return b""
    start = 4 + 8 * count
    begin = table[count + place - 1] if place else 0
    return data[start + begin : start + table[count + place]]


def _table(data: bytes, count: int) -> "memoryview[int]":
    return memoryview(data)[4 : 4 + 8 * count].cast("I")
