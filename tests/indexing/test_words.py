"""Words of any script, and how well a text fits a question."""

from collections import Counter

import pytest

from echo.indexing.words import fit, number_of, numbers_of, rarity, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Policies of Zürich's churches", ["the", "policy", "of", "zurich", "s", "church"]),
        ("boxes, classes, notes, analysis, bus, gas", ["box", "class", "note", "analysis", "bus", "gas"]),
        ("of_things 3.5 x1", ["of", "thing", "3", "5", "x1"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("東京都に a", ["東京", "京都", "都に", "a"]),
        ("대한민국", ["대한", "한민", "민국"]),
        ("中", ["中"]),
        ("ΑΘΉΝΑ Ёлка", ["αθηνα", "елка"]),
        ("x" * 100, ["x" * 64]),
        (" -- ", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_word_has_the_same_number_everywhere() -> None:
    """They are stored: another server, another year."""
    assert [number_of("policy"), number_of("東京")] == [-260242154, -1842986257]
    assert numbers_of("b a b") == sorted({number_of("a"), number_of("b")})
    assert number_of("\ud800") == number_of("?")


def test_a_rare_word_says_more() -> None:
    assert rarity(100, 1) == pytest.approx(4.21, abs=0.01)
    assert rarity(100, 100) == pytest.approx(0.005, abs=0.001)
    # One of the chunks is newer than their number.
    assert rarity(3, 4) > 0


def test_fit_grows_with_what_is_found_up_to_one() -> None:
    weights = {"holiday": 2.0, "days": 1.0}
    both, one = Counter(["holiday", "days"]), Counter(["holiday", "tea"])
    assert fit(both, 2, 2.0, weights) == pytest.approx(1.0)
    assert fit(one, 2, 2.0, weights) == pytest.approx(2 / 3)
    assert fit(both, 20, 2.0, weights) == pytest.approx(0.22, abs=0.01)
    assert fit(Counter(["holiday"] * 50 + ["days"]), 51, 51.0, weights) == 1.0
    assert fit(Counter(["tea"]), 1, 1.0, weights) == 0.0
    assert fit(both, 2, 2.0, {}) == 0.0
