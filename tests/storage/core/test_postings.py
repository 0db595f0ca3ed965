"""Lists of numbers by hashes: what is read is what was stored, joined too."""

import random

import pytest

from storage.core.grams import grams, sought
from storage.core.postings import coded, joined, last_of, list_of, numbers, packed, unpacked

LISTS = ([0], [127], [128], [0, 1, 2], [5, 132, 133, 100_000], [*range(0, 1000, 3)], [2**21, 2**28])


@pytest.mark.parametrize("some", LISTS)
def test_a_list_is_read_as_it_was_stored(some: list[int]) -> None:
    data = coded(some)
    assert list(numbers(data)) == some
    assert last_of(data) == some[-1]


def test_near_numbers_take_a_byte_each() -> None:
    assert coded(range(10)) == b"\1" * 10
    assert coded([127]) == b"\x80\1"
    assert coded([]) == b""


def test_lists_are_joined_as_if_their_numbers_were_one_list() -> None:
    dice = random.Random(3)
    for _ in range(50):
        lists = [sorted(dice.sample(range(500), dice.randint(1, 30))) for _ in range(4)]
        offsets = [0, 500, 1000, 100_000]
        whole = joined((offset, coded(some)) for offset, some in zip(offsets, lists, strict=True))
        expected = [offset + each for offset, some in zip(offsets, lists, strict=True) for each in some]
        assert whole == coded(expected)


def test_of_several_lists_each_is_found_by_its_hash() -> None:
    lists = {7: coded([1, 2]), 0xFFFFFFFF: coded([300]), 0: coded([4])}
    data = packed(lists)
    assert {each: list_of(data, each) for each in lists} == lists
    assert list_of(data, 8) == b""
    assert dict(unpacked(data)) == lists
    assert list(unpacked(packed({}))) == []
    assert list_of(packed({}), 1) == b""


def test_pieces_are_two_and_three_characters_and_one_of_a_syllable() -> None:
    assert grams(["Abç", "d"], 10) == {"ab", "bc", "abc"}
    assert grams(["日本"], 10) == {"日", "本", "日本"}
    assert grams(["o\u0345"], 10) == {"o\u03b9"}
    assert grams(["abcdef"], 5) is None


@pytest.mark.parametrize("text", ["ab", "語", "Straße", "x" * 30, "が行"])
def test_what_has_a_text_has_its_pieces_in_whichever_stretch(text: str) -> None:
    around = "0123456789" * 2000
    for end in range(19_990, 20_004):
        found = grams([around[:end] + text + around], 100_000)
        assert found is not None
        assert found.issuperset(sought(text))
