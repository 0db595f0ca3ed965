"""What a search takes for the same, in MongoDB and in what is compared afterwards; and what it costs."""

import time
import unicodedata
from collections.abc import Callable

import pytest

from storage.conversations.messages import MessageRepository
from storage.core.database import Database
from storage.core.errors import InvalidDocument
from storage.core.grams import grams
from storage.core.grams import sought as pieces
from storage.core.search import Search
from tests.support.chats import new_id, put_message

Finds = Callable[[str, str], bool]
# As a Mac or a phone sends it, and as Windows and Linux do.
FORMS = ("NFC", "NFD")
LANGUAGES = (
    "한국어 검색",
    "Tiếng Việt",
    "Đà Nẵng, phở",
    "Crème brûlée, déjà vu",
    "Größe, Übung, schön",
    "Zażółć gęślą jaźń",
    "Ångström, smörgåsbord",
    "Ёлка и йод",
    "ᾠδή, Ἀθῆναι",
    "ガラスの仮面",
    "क़लम हिन्दी",
    "أحمد مؤمن",
    "שָׁלוֹם",
    "İstanbul",
)


@pytest.fixture
def finds(empty_database: Database) -> Finds:
    """Whether a search finds a text: MongoDB by the filter, and the comparison of what it found."""
    collection = empty_database.collection("texts")

    def ask(text: str, search: str) -> bool:
        collection.delete_many({})
        collection.insert_one({"text": text})
        sought = Search(search)
        filtered = collection.count_documents(sought.within("text")) == 1
        found = filtered and sought.found_in([text])
        # An index must not hide it.
        assert not found or (grams([text], 100_000) or set()).issuperset(pieces(sought.text))
        return found

    return ask


@pytest.mark.parametrize("text", LANGUAGES)
def test_both_forms_of_unicode_find_each_other(finds: Finds, text: str) -> None:
    for stored in FORMS:
        whole = f"a {unicodedata.normalize(stored, text)} z"
        for sought in FORMS:
            search = unicodedata.normalize(sought, text)
            assert finds(whole, search), (stored, sought)
            # The second half too: it is in the pattern where the whole is too long for one.
            for word in search.split():
                assert finds(whole, word), (stored, sought, word)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("ẹ\u0302", "ệ"),
        ("ê\u0323", "ệ"),
        ("e\u0302\u0323", "ệ"),
        ("e\u0323\u0302", "Ệ"),
        ("10 \u212b", "å"),
    ],
)
def test_accents_in_any_order_and_half_put_together(finds: Finds, text: str, search: str) -> None:
    assert finds(text, search)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("café", "cafe"),
        ("cafe\u0301 noir", "CAFE NOIR"),
        ("Đà Nẵng", "da nang"),
        ("Łódź", "lodz"),
        ("Smørrebrød", "smorrebrod"),
        ("Straße", "strasse"),
        ("STRASSE", "straße"),
        ("une œuvre", "oeuvre"),
        ("une oeuvre", "œuvre"),
        ("Ёлка", "елка"),
        ("ΟΔΥΣΣΕΎΣ", "οδυσσευς"),
        ("KAPI", "kap\u0131"),
        ("l\u2019été", "l'ete"),
        ("\u201cso\u201d", '"so"'),
        ("e\u2011mail", "e-mail"),
        ("10\u202f000 €", "10 000"),
        ("prix\u00a0: 5", "prix : 5"),
        ("two\nlines", "two lines"),
    ],
)
def test_what_is_typed_plainly_finds_what_is_not(finds: Finds, text: str, search: str) -> None:
    assert finds(text, search)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("cafe", "café"),
        ("cafe\u0301", "cafè"),
        ("schon", "schön"),
        ("한", "하"),
        ("\u1112\u1161\u11ab", "하"),
        ("が", "か"),
        ("か\u3099", "か"),
        ("語", "请"),
        ("e", "\u0301"),
        ("mas", "maß"),
    ],
)
def test_what_is_another_letter_is_not_found(finds: Finds, text: str, search: str) -> None:
    assert not finds(text, search)


@pytest.mark.parametrize(
    "text", ["Быстрая лиса", "ქართული", "ᏣᎳᎩ", "𐐔𐐯𐑅", "\u02bbŌlelo", "ǆungla", "Ֆուտբոլ"]
)
def test_case_of_every_script(finds: Finds, text: str) -> None:
    for search in (text, text.upper(), text.lower()):
        for stored in (text, text.upper(), text.lower()):
            assert finds(stored, search), (stored, search)


@pytest.mark.parametrize("search", ["lazy dog ", " lazy dog", "\tlazy dog\n", "lazy dog\u3000", "g "])
def test_blanks_at_the_ends_do_not_count(finds: Finds, search: str) -> None:
    assert finds("The lazy dog", search)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("it was the best of times, it was the worst", "it was the worst"),
        ("zzzzZZZcontract", "contract"),
        ("abcdefghijkssx", "abcdefghijkßx"),
        ("abcdefghijkßx", "abcdefghijkssx"),
        ("a" + "\u0301" * 50, "a" + "\u0301" * 50),
        ("\u0301" * 50, "\u0301" * 50),
        ("^[x]-\\]", "[x]-\\]"),
    ],
)
def test_long_and_odd_ones(finds: Finds, text: str, search: str) -> None:
    assert finds(f"1 {text} 2", search)


def test_of_a_long_one_the_rest_counts_too(finds: Finds) -> None:
    assert not finds("it was the best of times, it was the best", "it was the worst of times")
    assert not Search("it was the worst of times").exact
    assert Search("it was").exact


def test_a_lone_surrogate_far_back_is_refused() -> None:
    with pytest.raises(InvalidDocument):
        Search("a" * 100 + "\ud800")


@pytest.mark.parametrize(
    "text", ["a" * 400_000, "aa\u0301" * 130_000, "ss" * 200_000, "\u0301" * 200_000, "é" * 200_000]
)
def test_a_hundred_times_the_length_costs_no_more(empty_database: Database, ada: str, text: str) -> None:
    for _ in range(3):
        put_message(empty_database, ada, new_id(), text=text)
    messages = MessageRepository(empty_database)

    def seconds(search: str) -> float:
        start = time.perf_counter()
        assert messages.list_page(ada, limit=10, search=search).items == []
        return time.perf_counter() - start

    letters = text[:2]
    short, long = letters * 8 + "b", letters * 900 + "b"
    assert min(seconds(long) for _ in range(3)) < 4 * max(seconds(short) for _ in range(3)) + 0.1
