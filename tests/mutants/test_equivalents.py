"""Mutants that are named as equivalent, and that they are so still."""

from pathlib import Path

import pytest

from tests.mutants.equivalents import Equivalent, is_equivalent, joined, read_equivalents
from tests.mutants.score import Score, estimate

ROOT = Path(__file__).parents[2]
DIFF = """\
# echo.a.x_f__mutmut_3: survived
--- echo/a.py
+++ echo/a.py
@@ -1,4 +1,3 @@
 def f(x):
-    return g(
-        x,
-    )
+    return g(
+    )
"""
NAMED = Equivalent("return g( x, )", "return g( )", "`g` does without.")


def test_a_change_is_the_one_that_is_named() -> None:
    assert is_equivalent(DIFF, [Equivalent("a", "b", "c"), NAMED])
    assert not is_equivalent(DIFF, [])
    assert not is_equivalent(DIFF.replace("g(", "h("), [NAMED])
    assert not is_equivalent(DIFF.replace("+    )", "+        y)"), [NAMED])


def test_a_score_counts_them_apart() -> None:
    status = {"k": "killed", "e": "survived", "n": "no tests", "l": "survived"}
    score = Score(Path("a.py"), status, 40, frozenset("en"))
    assert (score.killed, score.survivors) == (1, ["l"])
    line = "a.py: 1/4 killed and 2 equivalent (75%), 0 of them by the time limit, a sample of 40"
    assert score.line == line
    assert estimate("all", [score]).startswith("all: 1/4 killed and 2 equivalent, so 75% (")


@pytest.mark.parametrize("module", read_equivalents(), ids=str)
def test_those_that_are_named_are_there(module: Path) -> None:
    text = joined((ROOT / module).read_text().splitlines())
    for each in read_equivalents()[module]:
        assert each.was in text
        assert each.why.endswith(".")
        assert each.becomes != each.was
