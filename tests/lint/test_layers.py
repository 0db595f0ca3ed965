"""The layers hold for the project, and whatever breaks them is found."""

from pathlib import Path

import pytest

from tests.lint import layers

ROOT = Path(__file__).parents[2]
TABLE = """# Architecture

## Layers

| packages | what |
|---|---|
| `echo.top` | uses the rest |
| `echo.left`, `storage.right` | know nothing of each other |
| `echo`, `storage` | |

## More
| `echo.elsewhere` | is no layer |
"""


def test_the_project_has_no_findings() -> None:
    assert list(layers.check_layers(ROOT)) == []


def test_the_projects_layers_are_all_read() -> None:
    found = layers.read_layers((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert found[0] == ("echo.__main__",)
    assert ("handlers",) in found
    assert found[-1] == ("echo", "storage")
    assert sum(map(len, found)) >= 30


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "ARCHITECTURE.md").write_text(TABLE)
    for name in (
        "echo/top/a.py",
        "echo/left.py",
        "storage/right/b.py",
        "echo/__init__.py",
        "storage/__init__.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_only_the_table_of_layers_counts(project: Path) -> None:
    assert layers.read_layers(TABLE) == [("echo.top",), ("echo.left", "storage.right"), ("echo", "storage")]
    assert list(layers.check_layers(project)) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("echo/left.py", "import echo.top.a"),
        ("echo/left.py", "from echo.top import a"),
        ("echo/left.py", "def f():\n    from echo.top.a import g"),
        ("echo/left.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from echo.top import a"),
        ("storage/right/b.py", "from echo.left import x"),
    ],
)
def test_an_import_of_what_is_not_below_is_found(project: Path, file: str, source: str) -> None:
    (project / file).write_text(source)
    [finding] = layers.check_layers(project)
    assert finding.startswith(f"{file}:")
    assert "which is not below it" in finding


def test_an_import_of_what_is_below_is_not(project: Path) -> None:
    (project / "echo/top/a.py").write_text(
        "from echo import left\nfrom storage.right.b import c\nimport storage"
    )
    assert list(layers.check_layers(project)) == []


def test_packages_that_stand_nowhere_or_are_nowhere_are_found(project: Path) -> None:
    (project / "echo/new.py").touch()
    (project / "echo/left.py").unlink()
    assert list(layers.check_layers(project)) == [
        "ARCHITECTURE.md: echo.new stands in no layer",
        "ARCHITECTURE.md: there is no echo.left",
    ]
