"""Vectors in a quarter of their room, and the nearest ones found by looking at all: exact, in memory of a few MiB.

numpy is of the extra `[embeddings]`, and imported where vectors are.
"""

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

# The largest number of eight bits with a sign.
MOST = 127


def quantised(vector: Sequence[float]) -> bytes:
    """A vector as one byte for each dimension: its direction, to half a per cent. Its length is lost."""
    import numpy  # noqa: PLC0415

    values = numpy.asarray(vector, dtype=numpy.float32)
    largest = float(numpy.abs(values).max(initial=0.0)) or 1.0
    small: bytes = numpy.rint(values * (MOST / largest)).astype(numpy.int8).tobytes()
    return small


def nearest(
    vector: Sequence[float], batches: Iterable[Sequence[tuple[str, bytes]]], most: int
) -> list[tuple[str, float]]:
    """The ids of the vectors that point most nearly where this one does, with the cosine of the angle between.

    Those of another length are not compared.
    """
    import numpy  # noqa: PLC0415

    asked = numpy.asarray(vector, dtype=numpy.float32)
    asked /= float(numpy.linalg.norm(asked)) or 1.0
    best: list[tuple[float, str]] = []
    for batch in batches:
        alike = [each for each in batch if len(each[1]) == len(asked)]
        if alike:
            cosines = _cosines(numpy, asked, b"".join(each[1] for each in alike))
            found = ((float(cosine), each[0]) for cosine, each in zip(cosines, alike, strict=True))
            best = heapq.nlargest(most, [*best, *found])
    return [(name, cosine) for cosine, name in best]


def _cosines(numpy: Any, asked: Any, vectors: bytes) -> Any:
    rows = numpy.frombuffer(vectors, dtype=numpy.int8).reshape(-1, len(asked)).astype(numpy.float32)
    lengths = numpy.linalg.norm(rows, axis=1)
    lengths[lengths == 0] = 1.0
    return rows @ asked / lengths
