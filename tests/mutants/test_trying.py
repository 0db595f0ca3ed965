"""What is known of a mutant whose process took too long, and of the others."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.mutants import trying
from tests.mutants.patience import Spent
from tests.mutants.trial import Mutant
from tests.mutants.trying import Notes, Trier

Note = tuple[str, str, str]
ONE, TWO = Mutant("one", ["t1", "t2"]), Mutant("two", ["t1"])
SPAWNED = cast("subprocess.Popen[bytes]", SimpleNamespace(pid=7))


def write(path: Path, notes: Sequence[Note]) -> None:
    path.write_text("".join(json.dumps(note) + "\n" for note in notes))


class TestNotes:
    def test_are_given_once_and_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "notes"
        path.write_text('["begun", "ö", ""]\n["with it", "ö", "t')
        notes = Notes(path)
        assert notes.news() == [("begun", "ö", "")]
        assert notes.news() == []
        path.write_text('["begun", "ö", ""]\n["with it", "ö", "t1"]\n')
        assert notes.news() == [("with it", "ö", "t1")]


class TestWatching:
    """Each look is what was noted by then, and what was spent."""

    def watch(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, looks: Sequence[tuple[Spent, Sequence[Note]]]
    ) -> dict[str, str]:
        """What is found; the process ends with the last look."""
        path, left, noted = tmp_path / "notes", list(looks), list[Note]()

        def look() -> Spent:
            spent, news = left.pop(0)
            noted.extend(news)
            write(path, noted)
            return spent

        monkeypatch.setattr(trying, "Stopwatch", lambda pid: SimpleNamespace(look=look))
        monkeypatch.setattr(trying, "_has_ended", lambda process: len(left) == 1)
        trier = Trier(tmp_path, {}, {"t1": 1.0, "t2": 8.0})
        return trier._watch(SPAWNED, [ONE, TWO], Notes(path))

    def test_gives_the_verdicts_of_a_process_that_comes_to_an_end(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        looks = [
            (Spent(0, 0), []),
            # To begin takes long.
            (Spent(200, 200), [("begun", "one", ""), ("with it", "one", "t1"), ("killed", "one", "")]),
            (Spent(201, 201), [("begun", "two", ""), ("survived", "two", "")]),
        ]
        assert self.watch(monkeypatch, tmp_path, looks) == {"one": "killed", "two": "survived"}

    @pytest.mark.parametrize("spent", [Spent(31, 1), Spent(1, 31)])
    def test_ends_a_test_that_is_beyond_its_limit(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spent: Spent
    ) -> None:
        looks = [
            (Spent(0, 0), []),
            (Spent(0, 0), [("begun", "one", ""), ("with it", "one", "t1")]),
            (spent, []),
            (Spent(999, 999), [("killed", "one", "")]),
        ]
        assert self.watch(monkeypatch, tmp_path, looks) == {"one": "timeout"}

    def test_leaves_each_test_its_own_time(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        looks = [
            (Spent(0, 0), []),
            (Spent(0, 0), [("begun", "one", ""), ("with it", "one", "t1")]),
            (Spent(29, 29), [("with it", "one", "t2")]),
            (Spent(68, 108), [("survived", "one", "")]),
            (Spent(68, 108), []),
        ]
        assert self.watch(monkeypatch, tmp_path, looks) == {"one": "survived"}

    def test_ends_tests_that_take_too_long_together(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        steps = [(Spent(each, each), [("with it", "two", "t1")]) for each in (29, 58, 71)]
        looks = [(Spent(0, 0), []), (Spent(0, 0), [("begun", "two", "")]), *steps, (Spent(72, 72), [])]
        assert self.watch(monkeypatch, tmp_path, looks) == {"two": "timeout"}

    def test_says_nothing_of_a_mutant_whose_test_hangs_without_it(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        looks = [
            (Spent(0, 0), []),
            (Spent(0, 0), [("begun", "one", ""), ("without it", "one", "t1")]),
            (Spent(31, 31), []),
            (Spent(31, 31), []),
        ]
        assert self.watch(monkeypatch, tmp_path, looks) == {"one": "unsure"}

    def test_says_nothing_of_a_mutant_whose_process_has_ended(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        looks = [(Spent(0, 0), []), (Spent(0, 0), [("begun", "one", ""), ("with it", "one", "t1")])]
        assert self.watch(monkeypatch, tmp_path, looks) == {"one": "unsure"}
