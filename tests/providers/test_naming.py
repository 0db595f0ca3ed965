"""Which parameters a refusal names, and whether their values are meant."""

from typing import Any

import pytest

from echo.providers.naming import Named, named_in, snake

KNOWN = ("stream_options", "stop", "temperature", "topP", "top_p", "seed", "n")


def names(answer: Any) -> set[str]:
    return set(named_in(answer, KNOWN).names)


class TestPlaces:
    @pytest.mark.parametrize("place", ["param", "loc", "field", "parameter"])
    def test_name_a_parameter(self, place: str) -> None:
        assert named_in({place: "seed"}, KNOWN) == Named(frozenset({"seed"}), lasting=True)
        assert names({place: ["body", "seed"]}) == {"seed"}
        assert names({place: "body.stop[0]"}) == {"stop"}
        assert names({place: "seeds"}) == set()

    @pytest.mark.parametrize(
        "where",
        [
            *("error", "errors", "detail", "details", "message", "msg", "title", "reason"),
            *("description", "error_description", "fieldViolations"),
        ],
    )
    def test_are_looked_for_where_words_are(self, where: str) -> None:
        assert names({where: {"field": "seed"}}) == {"seed"}
        assert names({where: [{"field": "seed"}]}) == {"seed"}
        assert names({where: "unknown field seed"}) == {"seed"}

    @pytest.mark.parametrize("where", ["input", "body", "value", "ctx", "type"])
    def test_are_not_where_what_was_sent_is_repeated(self, where: str) -> None:
        assert names({where: {"field": "seed"}}) == names({where: "unknown field seed"}) == set()


class TestSentences:
    @pytest.mark.parametrize(
        "sentence",
        [
            "'seed' is odd",
            '"seed" is odd',
            "`seed` is odd",
            "parameter seed",
            "Parameters: seed",
            "argument seed: no",
            "field seed",
            "property 'seed'",
            "properties: seed",
            "the name seed: no",
            "keys seed",
            "supplied: seed",
            "unknown seed",
            "unsupported seed",
            "seed: Extra inputs are not permitted",
            "seed",
        ],
    )
    def test_must_mark_a_name_that_could_be_a_word(self, sentence: str) -> None:
        found = names(sentence.lower())
        assert found == {"seed"}

    @pytest.mark.parametrize(
        "sentence",
        ["a seed is odd", "my seed", "seeds: no", "unknown seeds", "seed is a word", "the seed of it"],
    )
    def test_may_have_the_word(self, sentence: str) -> None:
        assert names(sentence) == set()

    @pytest.mark.parametrize(
        ("sentence", "found"),
        [
            ("no stream_options here", {"stream_options"}),
            ("xstream_options stream_optionsx stream_options_", set()),
            ("(stream_options)", {"stream_options"}),
            ("the temperature is odd", {"temperature"}),
            ("temperatures", set()),
            ("topP is odd", {"topP"}),
            ("top_p is odd", {"topP", "top_p"}),
        ],
    )
    def test_need_not_mark_what_is_no_word(self, sentence: str, found: set[str]) -> None:
        assert names(sentence) == found


class TestValues:
    @pytest.mark.parametrize(
        "sentence",
        [
            "temperature must be 1",
            "temperature Should Be 1",
            "temperature at least 1",
            "temperature at most 1",
            "temperature between 0 and 1",
            "temperature less than 1",
            "temperature too high",
            "temperature exceeds it",
            "temperature out of range",
            "temperature maximum",
            "temperature minimum",
            "invalid value: temperature",
        ],
    )
    def test_may_be_what_is_wrong(self, sentence: str) -> None:
        assert named_in(sentence, KNOWN) == Named(frozenset({"temperature"}), lasting=False)

    @pytest.mark.parametrize(
        "sentence", ["temperature unsupported", "temperature: mustard being", "temperature"]
    )
    def test_may_be_none_of_the_matter(self, sentence: str) -> None:
        assert named_in(sentence, KNOWN).lasting is True

    def test_of_two_that_exclude_each_other_one_is_named(self) -> None:
        both = "temperature and stream_options cannot BOTH be given"
        assert named_in(both, KNOWN) == Named(frozenset({"temperature"}), lasting=False)
        assert names("temperature and stream_options cannot be given") == {"temperature", "stream_options"}
        assert named_in("both: temperature", KNOWN) == Named(frozenset({"temperature"}), lasting=False)


def test_nothing_named_is_nothing() -> None:
    assert Named() == Named(frozenset(), lasting=False)
    assert named_in(None, KNOWN).names == frozenset()
    assert named_in("unknown field seed", ()).names == frozenset()


def test_so_many_values_are_looked_at() -> None:
    # The list itself is one of them, and the last ones are looked at first.
    assert names({"errors": ["unknown field seed", *["x"] * 997]}) == {"seed"}
    assert names({"errors": ["unknown field seed", *["x"] * 998]}) == set()


@pytest.mark.parametrize(
    ("name", "made"),
    [("topP", "top_p"), ("maxOutputTokens", "max_output_tokens"), ("top_p", "top_p"), ("N", "N")],
)
def test_googles_names_are_told_apart_by_underscores(name: str, made: str) -> None:
    assert snake(name) == made
