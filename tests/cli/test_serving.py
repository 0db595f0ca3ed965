"""`echo-api serve`: what it does with its ready file before anything else."""

from pathlib import Path
from typing import Never

import pytest

from echo.cli import serving
from tests.cli.conftest import Run


class Begun(Exception):
    """The start of the server itself."""


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*_: object) -> Never:
        raise Begun

    monkeypatch.setattr("echo.serving.forking.prepare_workers", lambda: None)
    monkeypatch.setattr(serving, "_serve", begin)
    monkeypatch.setattr("gc.disable", lambda: None)


def test_a_ready_file_of_an_earlier_server_is_gone_before_the_start(run: Run, tmp_path: Path) -> None:
    left = tmp_path / "echo.ready"
    left.write_text("ECHO_URL=http://127.0.0.1:1\n")
    done = run("serve", "--ready-file", str(left))
    assert isinstance(done.exception, Begun)
    assert not left.exists()


def test_a_ready_file_that_cannot_be_written_is_told_at_once(run: Run, tmp_path: Path) -> None:
    """Whoever waits for it would wait for ever."""
    nowhere = tmp_path / "no" / "echo.ready"
    done = run("serve", "--ready-file", str(nowhere))
    assert done.exit_code == 2
    assert f"Invalid value for '--ready-file': No file can be written in {nowhere.parent}." in done.stderr
