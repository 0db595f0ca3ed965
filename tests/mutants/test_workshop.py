"""A fault that a test notices is killed, one that none notices is shown, and the project stays as it was."""

import subprocess
from pathlib import Path

import pytest

from tests.mutants import patience
from tests.mutants.workshop import Workshop

PAGES = '''\
"""Adds."""
import logging
log = logging.getLogger(__name__)
def add(one, two):
    log.info("adding %s", one)
    return one + two
def double(one):
    return one * 2
'''
TESTS = """\
from storage.pages import add, double
def test_add():
    assert add(1, 2) == 3
def test_double():
    double(1)
"""

LOOP = """\
def down(number):
    while number > 0:
        number -= 1
    return number
"""
TESTS_OF_LOOP = """\
from storage.pages import down
def test_down():
    assert down(3) == 0
"""

PAGES_MODULE = Path("storage/pages.py")
SUMS = """\
def total(one, two):
    return one + two
def difference(one, two):
    three = one - two
    return three * 2
class Sums:
    def list(self) -> list[int]:
        return []
"""
TESTS_OF_SUMS = """\
from storage.pages import double
from storage.sums import total, difference
def test_total():
    assert total(1, 2) == 3
def test_difference():
    assert difference(5, 2) == 6
    assert double(1) == 2
def test_that_fails():
    assert total(1, 2) == 4
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Loading what this environment has of pytest's plugins takes most of the time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    root = tmp_path / "project"
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n',
        ".gitignore": "secret.env\n",
        "secret.env": "KEY=1",
        "storage/__init__.py": "",
        "storage/pages.py": PAGES,
        "echo/__init__.py": "",
        "handlers/__init__.py": "",
        "storage/sums.py": SUMS,
        "tests/test_pages.py": TESTS,
        "tests/test_sums.py": TESTS_OF_SUMS,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_copy_has_what_git_would_have(project: Path, tmp_path: Path) -> None:
    Workshop.copy_of(project, tmp_path / "copy")
    assert sorted(contents(tmp_path / "copy")) == [
        ".gitignore",
        "echo/__init__.py",
        "handlers/__init__.py",
        "pyproject.toml",
        "storage/__init__.py",
        "storage/pages.py",
        "storage/sums.py",
        "tests/test_pages.py",
        "tests/test_sums.py",
    ]


def _added(diff: str) -> str:
    return next(line[1:].strip() for line in diff.splitlines() if line.startswith("+ "))


@pytest.mark.slow
class TestTrying:
    def test_tells_what_no_test_of_a_modules_own_noticed(self, project: Path, tmp_path: Path) -> None:
        before = contents(project)
        workshop = Workshop.copy_of(project, tmp_path / "copy")
        tests = {Path(f"storage/{name}.py"): [Path(f"tests/test_{name}.py")] for name in ("pages", "sums")}
        pages, sums = workshop.try_modules(tests, processes=2, sample=3)
        # `one - two`, `one / 2` and `one * 3`; nothing is done to the line that only logs. The tests of sums would
        # have noticed two of them.
        assert list(pages.status.values()).count("survived") == 2
        assert pages.line == "storage/pages.py: 1/3 killed (33%), 0 of them by the time limit"
        assert "+    return one * 3" in "".join(map(workshop.show, pages.survivors))
        assert sums.line == "storage/sums.py: 3/3 killed (100%), 0 of them by the time limit, a sample of 5"
        # It would have noticed everything.
        assert workshop.failing == ["tests/test_sums.py::test_that_fails"]
        assert contents(project) == before

    def test_ends_a_fault_that_never_ends(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(patience, "SHARED_SECONDS", 2.0)
        (project / "storage" / "pages.py").write_text(LOOP)
        (project / "tests" / "test_pages.py").write_text(TESTS_OF_LOOP)
        workshop = Workshop.copy_of(project, tmp_path / "copy")
        (pages,) = workshop.try_modules({PAGES_MODULE: [Path("tests/test_pages.py")]}, processes=1)
        # What does not count down, and stays at one or goes up. The others are tried all the same.
        changes = sorted(_added(workshop.show(name)) for name in pages.late)
        assert changes == ["number += 1", "number = 1"]
        assert pages.line == "storage/pages.py: 5/5 killed (100%), 2 of them by the time limit"

    def test_does_not_begin_with_tests_that_all_fail(self, project: Path, tmp_path: Path) -> None:
        (project / "tests" / "test_pages.py").write_text(
            TESTS.replace("== 3", "== 4").replace("double(1)", "1 / 0")
        )
        workshop = Workshop.copy_of(project, tmp_path / "copy")
        with pytest.raises(subprocess.CalledProcessError) as caught:
            workshop.try_modules({PAGES_MODULE: [Path("tests/test_pages.py")]}, processes=1)
        assert "failed to collect stats" in caught.value.output
