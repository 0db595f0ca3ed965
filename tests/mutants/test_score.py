"""A score says what was noticed; of a sample, what that says of all."""

from pathlib import Path

import pytest

from tests.mutants.score import Score, estimate, lines_of


def score(killed: int, survived: int, made: int | None = None) -> Score:
    status = {f"k{number}": "killed" for number in range(killed)}
    return Score(Path("a.py"), status | {f"s{number}": "survived" for number in range(survived)}, made)


class TestLine:
    def test_counts_what_hangs_as_noticed_and_what_no_test_reaches_as_not(self) -> None:
        tried = Score(
            Path("a.py"), {"one": "killed", "two": "timeout", "three": "no tests", "four": "survived"}
        )
        assert tried.survivors == ["three", "four"]
        assert tried.late == ["two"]
        assert tried.line == "a.py: 2/4 killed (50%), 1 of them by the time limit"

    def test_is_there_for_a_module_without_mutants(self) -> None:
        assert score(0, 0).line == "a.py: 0/0 killed (nothing to mutate), 0 of them by the time limit"

    @pytest.mark.parametrize(("made", "end"), [(40, ", a sample of 40"), (4, "")])
    def test_tells_a_sample_from_all(self, made: int, end: str) -> None:
        assert score(3, 1, made).line == "a.py: 3/4 killed (75%), 0 of them by the time limit" + end


class TestEstimate:
    def test_has_wilsons_interval_where_all_modules_weigh_the_same(self) -> None:
        # Wilson's for 81 of 100, from a table: 0.7222 to 0.8749.
        tried = [score(41, 9, 500), score(40, 10, 500)]
        assert estimate("echo/http", tried) == "echo/http: 81/100 killed, so 81% (72% to 87%) of all 1000"

    def test_gives_a_module_the_weight_of_its_mutants(self) -> None:
        # (30 * 4/4 + 10 * 0/4) / 40; the effective size is 40² / (30²/4 + 10²/4) = 6.4.
        assert estimate("all", [score(4, 0, 30), score(0, 4, 10)]) == (
            "all: 4/8 killed, so 75% (37% to 94%) of all 40"
        )

    def test_stays_within_what_is_possible(self) -> None:
        assert estimate("all", [score(10, 0)]) == "all: 10/10 killed, so 100% (72% to 100%) of all 10"

    def test_is_there_without_mutants(self) -> None:
        assert estimate("all", [score(0, 0)]) == "all: nothing to mutate"


def test_lines_are_for_modules_packages_and_all() -> None:
    tried = [
        Score(Path(f"{name}.py"), {"one": "killed"}) for name in ("echo/http/cors", "storage/core/pages")
    ]
    assert lines_of(tried) == [
        "echo/http/cors.py: 1/1 killed (100%), 0 of them by the time limit",
        "storage/core/pages.py: 1/1 killed (100%), 0 of them by the time limit",
        "echo/http: 1/1 killed, so 100% (21% to 100%) of all 1",
        "storage/core: 1/1 killed, so 100% (21% to 100%) of all 1",
        "all: 2/2 killed, so 100% (34% to 100%) of all 2",
    ]
