"""The command line, run in this process in a directory and an environment of its own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dotenv import dotenv_values

from echo.cli import main

Run = Callable[..., Result]
ROOT = Path(__file__).parents[2]
KEYS = {"JWT_SECRET": "tests-only-" + "a1B2" * 8, "JWT_REFRESH_SECRET": "tests-only-" + "c3D4" * 8}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command with these variables, and none of the machine's own."""
    monkeypatch.chdir(tmp_path)
    for name in {*dotenv_values(ROOT / ".env.example"), *(each for each in os.environ if "ECHO_" in each)}:
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str, **environ: str) -> Result:
        environ.setdefault("ECHO_DATA_DIR", str(tmp_path / "data"))
        return CliRunner().invoke(main, arguments, env=environ)

    return invoke
