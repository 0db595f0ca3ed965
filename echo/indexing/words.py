"""Words of any script, as numbers to find chunks by, and how well a chunk fits a question (BM25).

What people mean by the same word is the same: case, accents and typography do not matter (`storage.core.folding`),
nor does an English plural. Scripts that put no blanks between words are taken by pairs of characters, as Lucene's
CJKAnalyzer does.
"""

import math
import re
import sys
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from storage.core.folding import fold

# Nobody looks for a longer one; what has no end, such as base64, is not one word.
LONGEST = 64
# Of a question these count.
MOST_WORDS = 32
# Han, kana, Hangul, and the scripts of Thailand, Laos, Burma and Cambodia.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
# As Robertson and Zaragoza have them ("The Probabilistic Relevance Framework", 2009), and everybody since.
K1, B = 1.2, 0.75
_PLURAL = re.compile(r"[a-z]{2,}(?:ies|[^aeious]es|[^ious]s)")
_ASCII = re.compile("[a-z0-9]+")
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"))


def words_of(text: str) -> list[str]:
    """The words of a text in their order, as they are compared."""
    return list(_words(unicodedata.normalize("NFC", fold(text))))


def number_of(word: str) -> int:
    """The number of a word: 32 bits, so that two words may share one, which only costs a look."""
    number = zlib.crc32(word.encode("utf-8", "replace"))
    return number - (1 << 32) if number >= 1 << 31 else number


def numbers_of(text: str) -> list[int]:
    """The numbers of the words of a text, each once."""
    return sorted({number_of(word) for word in words_of(text)})


def _words(folded: str) -> Iterator[str]:
    if folded.isascii():
        yield from (_singular(word[:LONGEST]) for word in _ASCII.findall(folded))
        return
    for match in _pattern().finditer(folded):
        spaced, unspaced = match[1], match[2]
        if spaced:
            yield _singular(spaced[:LONGEST])
        elif len(unspaced) == 1:
            yield unspaced
        else:
            yield from (unspaced[at : at + 2] for at in range(len(unspaced) - 1))


def _singular(word: str) -> str:
    if len(word) < 4 or not _PLURAL.fullmatch(word):
        return word
    for ending, singular in _ENDINGS:
        if word.endswith(ending):
            return word[: -len(ending)] + singular
    return word[:-1]


@cache
def _pattern() -> re.Pattern[str]:
    """A run of letters, digits and the marks on them, of a script with blanks or of one without.

    Python's `\\w` has no marks, which are vowels in many scripts of India.
    """
    marks = "".join(_ranges(c for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) in _MARKS))
    letters = rf"[^\W_{_UNSPACED}]"
    return re.compile(rf"({letters}+(?:[{marks}]+{letters}*)*)|([{_UNSPACED}]+)")


_MARKS = ("Mn", "Mc")


def _ranges(codes: Iterator[int]) -> Iterator[str]:
    start = before = next(codes)
    for code in codes:
        if code != before + 1:
            yield f"{chr(start)}-{chr(before)}"
            start = code
        before = code
    yield f"{chr(start)}-{chr(before)}"


def rarity(chunks: int, having: int) -> float:
    """How much a word says that stands in so many of all chunks; never nothing (Lucene's form of the idf)."""
    return math.log(1 + (max(chunks, having) - having + 0.5) / (having + 0.5))


def fit(counts: Counter[str], length: int, mean: float, weights: Mapping[str, float]) -> float:
    """How well a chunk fits: its words, counted, against the weights of the question's words.

    1 is for a chunk of mean length with each word once; there is no more than that.
    """
    most = sum(weights.values())
    if not most:
        return 0.0
    norm = K1 * (1 - B + B * length / (mean or 1.0))
    found = sum(
        weight * counts[word] * (K1 + 1) / (counts[word] + norm)
        for word, weight in weights.items()
        if counts[word]
    )
    return min(1.0, found / most)


def counted(texts: Sequence[str]) -> tuple[list[Counter[str]], float]:
    """The words of texts, counted, and how many a text has in the mean."""
    counts = [Counter(words_of(text)) for text in texts]
    return counts, sum(each.total() for each in counts) / max(1, len(counts))
