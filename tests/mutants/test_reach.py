"""The table of tests that run what a module's own tests do not."""

import json
from functools import partial
from pathlib import Path

from coverage import CoverageData

from tests.mutants.reach import TABLE, beside, functions_of, nearness, reached_of
from tests.mutants.selection import modules_to_mutate

ROOT = Path(__file__).parents[2]


class TestBeside:
    def test_are_those_that_run_what_the_modules_own_do_not(self) -> None:
        reached = {"own": {"a", "b"}, "other": {"a", "b"}, "c": {"b", "c"}, "more": {"c", "d"}}
        assert beside(reached, ["own"]) == ["more"]

    def test_are_none_where_its_own_run_all(self) -> None:
        assert beside({"own": {"a"}, "other": {"a"}}, ["own"]) == []

    def test_are_three_where_it_has_none_of_its_own(self) -> None:
        reached = {name: {"a"} for name in "vwxyz"} | {"u": {"a", "b"}}
        assert beside(reached) == ["u", "v", "w"]

    def test_are_as_many_as_it_takes(self) -> None:
        assert beside({name: {name} for name in "abcde"}) == ["a", "b", "c", "d", "e"]

    def test_are_first_those_that_run_what_few_run(self) -> None:
        everywhere = {"start", "assemble"}
        reached = {"every": everywhere, "sweep": everywhere, "all": everywhere, "its": {"rare"}}
        assert beside(reached, ["all"]) == ["its"]

    def test_are_rather_those_that_are_called_like_it(self) -> None:
        module = Path("echo/credits/usage.py")
        names = [
            "tests/accounts/test_first.py",
            "tests/credits/test_service.py",
            "tests/handlers/test_usage.py",
        ]
        assert [nearness(module, name) for name in names] == [1, 4, 4]
        reached = {name: {"a"} for name in [*names, "tests/a.py", "tests/b.py"]}
        assert beside(reached, ["tests/a.py"], partial(nearness, module)) == []
        assert beside(reached, (), partial(nearness, module)) == sorted([*names[1:], "tests/a.py"])

    def test_of_what_nobody_runs_are_none(self) -> None:
        assert beside({}) == []


def test_of_a_functions_lines_its_head_and_its_text_do_not_count(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'def f(\n    a=1,\n):\n    """Text."""\n    return a\n\n\nclass C:\n    def g(self):\n        pass\n'
    )
    assert list(functions_of(module)) == [("f:1", range(5, 6)), ("g:9", range(10, 11))]
    data = CoverageData(no_disk=True)
    for context, lines in {"": [1, 8, 9], "tests/test_f.py": [1, 4, 5], "tests/test_g.py": [9, 10]}.items():
        data.set_context(context)
        data.add_lines({str(module): lines})
    assert reached_of(module, data) == {"tests/test_f.py": {"f:1"}, "tests/test_g.py": {"g:9"}}


def test_the_table_names_modules_and_tests_that_are_there() -> None:
    modules = {module.as_posix() for module in modules_to_mutate(ROOT)}
    for module, files in json.loads(TABLE.read_text()).items():
        assert module in modules
        assert [name for name in files if not (ROOT / name).is_file()] == [], module
