"""`echo-api web-client`, and what `serve` and `check` make of ECHO_WEB_CLIENT."""

from pathlib import Path

from tests.cli.conftest import KEYS, Run
from tests.support.web_client import build_client

NOWHERE = {"MONGO_URI": "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100", **KEYS}


class TestServe:
    def test_refuses_a_directory_without_a_client(self, run: Run, tmp_path: Path) -> None:
        refused = f"echo-api: ECHO_WEB_CLIENT is {tmp_path / 'dist'}, which is not a directory.\n"
        for arguments, environ in (
            (("serve", "--web-client", "dist"), {}),
            (("serve",), {"ECHO_WEB_CLIENT": "dist"}),
        ):
            result = run(*arguments, **NOWHERE, **environ)
            assert (result.exit_code, result.stderr.splitlines(keepends=True)[-1]) == (78, refused)

    def test_goes_on_with_one(self, run: Run, tmp_path: Path) -> None:
        build_client(tmp_path / "dist")
        result = run("serve", "--web-client", "dist", **NOWHERE)
        # Only the database is missing.
        assert result.exit_code == 69, result.output

    def test_check_finds_it_too(self, run: Run, tmp_path: Path) -> None:
        result = run("check", "--offline", ECHO_WEB_CLIENT="dist", **NOWHERE)
        line = f"failed   web client: ECHO_WEB_CLIENT is {tmp_path / 'dist'}, which is not a directory"
        assert any(each.startswith(line) for each in result.stdout.splitlines()), result.stdout
