"""A fault that a test notices is killed, one that none notices is shown, and the project stays as it was."""

import subprocess
from pathlib import Path

import pytest

from tests.mutants.workshop import Score, Workshop

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
        "tests/test_pages.py": TESTS,
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
        "tests/test_pages.py",
    ]


@pytest.mark.slow
class TestTrying:
    def test_tells_what_no_test_noticed(self, project: Path, tmp_path: Path) -> None:
        before = contents(project)
        workshop = Workshop.copy_of(project, tmp_path / "copy")
        score = workshop.try_module(Path("storage/pages.py"), [Path("tests/test_pages.py")], 2)
        # `one - two`, `one / 2` and `one * 3`; nothing is done to the line that only logs.
        assert list(score.status.values()) == ["killed", "survived", "survived"]
        assert score.line == "storage/pages.py: 1/3 killed (33%), 0 of them by the time limit"
        assert "+    return one * 3" in workshop.show(score.survivors[1])
        assert contents(project) == before

    def test_does_not_begin_with_tests_that_fail(self, project: Path, tmp_path: Path) -> None:
        (project / "tests" / "test_pages.py").write_text(TESTS.replace("== 3", "== 4"))
        workshop = Workshop.copy_of(project, tmp_path / "copy")
        with pytest.raises(subprocess.CalledProcessError) as caught:
            workshop.try_module(Path("storage/pages.py"), [Path("tests/test_pages.py")], 2)
        assert "failed to collect stats" in caught.value.output


def test_a_score_counts_what_hangs_as_noticed_and_what_no_test_reaches_as_not() -> None:
    score = Score(Path("a.py"), {"one": "killed", "two": "timeout", "three": "no tests", "four": "survived"})
    assert score.survivors == ["three", "four"]
    assert score.line == "a.py: 2/4 killed (50%), 1 of them by the time limit"


def test_a_module_without_mutants_has_a_score_too() -> None:
    assert Score(Path("a.py"), {}).line == "a.py: 0/0 killed (nothing to mutate), 0 of them by the time limit"
