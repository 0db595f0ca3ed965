"""Which characters a search takes for the same: Unicode's forms, upper and lower case, accents, typographic signs.

`pattern` says it to MongoDB, `fold` does it here. Both know nothing of what they are used for.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

# Combining accents of Latin, Greek and Cyrillic letters. In other scripts a mark makes another letter (か and が).
ACCENTS = "[\u0300-\u036f]"
# With regard to case: U+0345 is one of them, and its upper case is the letter iota.
ANY_ACCENT = f"(?-i:{ACCENTS})"
# The letters that take such accents stand before this code point, all their ready-made combinations before the next.
ACCENTED_SCRIPTS = 0x530
COMBINATIONS = (range(0xC0, ACCENTED_SCRIPTS), range(0x1E00, 0x2000), range(0x212A, 0x212C))
# Letters that Unicode does not take apart, and what people write who do not have them on their keyboards.
PLAIN = {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t", "\u0131": "i"}
LIGATURES = {"ß": "ss", "æ": "ae", "œ": "oe"}
# What word processors and phones put in the place of an apostrophe, a quotation mark, a hyphen.
SIGNS = {"'": "\u2018\u2019\u02bc", '"': "\u201c\u201d\u201e", "-": "\u2010\u2011"}
BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
HANGUL = range(0xAC00, 0xD7A4)
FINALS = "[\u11a8-\u11ff]"
KANA = range(0x3040, 0x3100)
VOICED = "[\u3099\u309a]"
# More marks than any language puts on a letter are sought in two orders only.
MOST_PERMUTED = 3
# A letter under more marks than that is sought by its first ones.
LONGEST_CLUSTER = 5
# Letters of which every text is full: to look for the next one saves nothing.
FREQUENT = set("aeionrstu")

_FOLDED = str.maketrans(
    {
        **PLAIN,
        **LIGATURES,
        **{sign: plain for plain, signs in SIGNS.items() for sign in signs},
        **{character: " " for character in map(chr, range(0x3001)) if character.isspace()},
    }
)
_ACCENTS = re.compile(f"{ACCENTS}+")


def fold(text: str) -> str:
    """The text without accents, case and typography: two texts that fold to the same are the same to a search."""
    if text.isascii():
        return text.lower().translate(_FOLDED)
    return _ACCENTS.sub("", unicodedata.normalize("NFD", text)).casefold().translate(_FOLDED)


def pattern(text: str, most: int) -> tuple[str, bool]:
    """The regular expression (PCRE, with its option `i`) for the first `most` characters; whether that was all.

    It holds no repetition that can go astray: it costs at most `most` steps at each place of what it searches.
    """
    clusters = list(_clusters(text))
    if "".join(clusters[most - 1 : most + 1]).lower() in LIGATURES.values():
        most -= 1
    wanted = [cluster[:LONGEST_CLUSTER] for cluster in clusters[:most]]
    return _leap(wanted) + "".join(_sought(wanted)), wanted == clusters


def _clusters(text: str) -> Iterator[str]:
    """Each character with the marks on it."""
    composed = unicodedata.normalize("NFC", text)
    start = 0
    for place in range(1, len(composed)):
        if not unicodedata.combining(composed[place]):
            yield composed[start:place]
            start = place
    if composed:
        yield composed[start:]


def _sought(clusters: list[str]) -> Iterator[str]:
    ligatures = {letters: ligature for ligature, letters in LIGATURES.items()}
    place = 0
    while place < len(clusters):
        pair = "".join(clusters[place : place + 2]).lower()
        # Pairs are two plain letters; a letter with its mark is one cluster, and no pair.
        if pair in ligatures and len(clusters[place]) == 1:
            yield f"(?:{_one(pair[0])}{_one(pair[1])}|{_one(ligatures[pair])})"
            place += 2
            continue
        letters = LIGATURES.get(clusters[place].lower(), "")
        alone = _one(clusters[place])
        yield f"(?:{alone}|{letters})" if letters else alone
        place += 1


def _one(cluster: str) -> str:
    """One character as it may be written."""
    if len(cluster) == 1 and cluster.isspace():
        return f"[{BLANKS}]"
    if cluster in SIGNS:
        return f"[{_escape(cluster)}{SIGNS[cluster]}]"
    apart = unicodedata.normalize("NFD", cluster)
    if ord(apart[0]) < ACCENTED_SCRIPTS and apart[0].isalpha():
        if len(apart) == 1:
            return f"{_with_any_accent(apart)}{ANY_ACCENT}*+"
        ending = f"(?!{ANY_ACCENT})" if len(cluster) < LONGEST_CLUSTER else ""
        return _any_of(_spellings(cluster)) + ending
    if ord(cluster[0]) in HANGUL:
        return _any_of({cluster, apart}) + f"(?!{FINALS})"
    ending = f"(?!{VOICED})" if len(apart) == 1 and ord(apart) in KANA else ""
    return _any_of(_spellings(cluster)) + ending


def _with_any_accent(letter: str) -> str:
    folded = letter.lower()
    variants = "".join(sorted(_combinations().get(folded, set())))
    return f"[{folded}{variants}]" if variants else folded


@cache
def _combinations() -> dict[str, set[str]]:
    """Each letter's ready-made combinations with accents, in lower case, for which the option `i` knows the other."""
    found: dict[str, set[str]] = {"\u0131": {"i"}}
    for character in map(chr, itertools.chain(*COMBINATIONS)):
        base = unicodedata.normalize("NFD", character)[0]
        for plain in {base.lower(), PLAIN.get(base.lower(), base.lower())}:
            if character.lower() == character or len(character.lower()) > 1:
                found.setdefault(plain, set()).add(character)
    return {letter: variants - {letter} for letter, variants in found.items() if variants - {letter}}


def _spellings(cluster: str) -> set[str]:
    """The ways to write a character with its marks: whole, apart, in part, in any order, in upper and lower case.

    MongoDB knows upper and lower case too, but not of all scripts, nor of letters that are put together.
    """
    cases = {cluster, cluster.lower(), cluster.upper()}
    length = len(unicodedata.normalize("NFD", cluster))
    alike = {unicodedata.normalize("NFD", case) for case in cases}
    return {each for apart in alike if len(apart) == length for each in _equivalents(apart)} | {cluster}


def _equivalents(apart: str) -> Iterator[str]:
    """The canonically equivalent spellings (Unicode, chapter 3.7) of one in its decomposed form."""
    base, marks = apart[0], apart[1:]
    orders = itertools.permutations(marks) if len(marks) <= MOST_PERMUTED else [tuple(marks)]
    for order in orders:
        for taken in range(len(order) + 1):
            begun = unicodedata.normalize("NFC", base + "".join(order[:taken]))
            spelling = begun + "".join(order[taken:])
            if unicodedata.normalize("NFD", spelling) == apart:
                yield spelling


def _any_of(spellings: set[str]) -> str:
    """One of these: by its first character, so that where none begins one look is enough."""
    if len(spellings) == 1:
        return _escape(*spellings)
    firsts: dict[str, str] = {}
    for spelling in sorted(spellings):
        rest = _escape(spelling[1:])
        firsts[rest] = firsts.get(rest, "") + _escape(spelling[0])
    endings = "|".join(f"(?<=[{first}]){rest}" for rest, first in firsts.items())
    return f"[{''.join(firsts.values())}](?:{endings})"


def _escape(text: str) -> str:
    # A pattern cannot hold NUL itself, a stored text can.
    return re.escape(text).replace("\0", r"\x00")


def _leap(clusters: list[str]) -> str:
    """What leads from one place where the text may begin to the next, several times as fast as trying each.

    `(*SKIP)` says that nothing can begin in what was passed. Only ASCII is passed, and only for a rare letter.
    """
    first = clusters[0].lower() if clusters else ""
    if not (first.isascii() and first.isalpha()) or first in FREQUENT:
        return ""
    small, large = ord(first), ord(first.upper())
    gaps = ((0, large - 1), (large + 1, small - 1), (small + 1, 0x7F))
    passed = "".join(f"\\x{low:02x}-\\x{high:02x}" for low, high in gaps)
    return f"(?-i:[{passed}]*+)(*SKIP)"
