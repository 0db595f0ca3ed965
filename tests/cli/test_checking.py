"""`echo-api check`: one line for each thing, an exit code, and no secret; also where `serve` cannot start."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from storage.embedded import EmbeddedServer
from tests.cli.conftest import KEYS, Run
from tests.support.database import named_database

NOWHERE = "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100"


def lines(result: Result, status: str) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith(status)]


class TestAWorkingSetUp:
    def test_ends_with_0(self, run: Run, mongo_uri: str) -> None:
        with named_database(mongo_uri, "echo_check") as uri:
            assert run("migrate", MONGO_URI=uri, **KEYS).exit_code == 0
            result = run("check", MONGO_URI=uri, **KEYS)
        assert result.exit_code == 0, result.output
        assert lines(result, "failed") == []
        for about in ("settings", "signing keys", "data directory", "disk", "writes", "clock", "indexes"):
            assert any(line.startswith(f"ok       {about}: ") for line in lines(result, "ok")), about

    def test_as_json_is_for_programs(self, run: Run, mongo_uri: str) -> None:
        with named_database(mongo_uri, "echo_check") as uri:
            result = run("check", "--json", MONGO_URI=uri, **KEYS)
        findings: list[dict[str, Any]] = json.loads(result.stdout)
        assert all(set(each) == {"about", "status", "what", "todo"} for each in findings)
        assert {each["status"] for each in findings} <= {"ok", "warning", "skipped"}
        [indexes] = [each for each in findings if each["about"] == "indexes"]
        assert indexes["status"] == "warning"
        assert "echo-api migrate" in indexes["todo"]

    @pytest.mark.slow
    def test_the_embedded_database_is_started_or_joined(self, run: Run, tmp_path: Path) -> None:
        result = run("check")
        assert result.exit_code == 0, result.output
        assert "started for this check" in result.stdout
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0
        server = EmbeddedServer(tmp_path / "data" / "mongodb")
        server.start()
        try:
            assert "in use by a running Echo" in run("check").stdout
        finally:
            server.stop()


class TestAUriOfAnotherDriver:
    OF_NODE = "useNewUrlParser=true&keepAlive=true&"

    def test_is_used_without_what_it_does_not_know_which_is_named(self, run: Run, mongo_uri: str) -> None:
        with named_database(mongo_uri, "echo_check") as uri:
            of_node = f"{uri}{'&' if '?' in uri else '?'}{self.OF_NODE}"
            migrated = run("migrate", MONGO_URI=of_node, **KEYS)
            result = run("check", MONGO_URI=of_node, **KEYS)
        assert (migrated.exit_code, result.exit_code) == (0, 0), result.output
        named = (
            "MONGO_URI has options that Echo's driver does not know, and ignores: useNewUrlParser, keepAlive"
        )
        assert lines(result, "warning")[0] == f"warning  settings: {named}"

    @pytest.mark.parametrize("command", [("check",), ("migrate",), ("user", "list"), ("serve",)])
    def test_every_command_names_the_file_that_is_not_there(self, run: Run, command: tuple[str, ...]) -> None:
        uri = "mongodb://u:canary@127.0.0.1:1/x?tls=true&tlsCAFile=/nowhere/ca.pem"
        result = run(*command, MONGO_URI=uri, **KEYS)
        assert result.exit_code == (1 if command == ("check",) else 78)
        told = "MONGO_URI cannot be used: tlsCAFile names a file /nowhere/ca.pem that cannot be read."
        assert told in result.output
        assert "canary" not in result.output


class TestABrokenSetUp:
    def test_every_problem_is_named_at_once(self, run: Run) -> None:
        result = run(
            "check",
            MONGO_URI=NOWHERE,
            PORT="eighty",
            JWT_SECRET="short-canary",
            ECHO_STT="perhaps",
            SESSION_EXPIRY="soon",
        )
        assert result.exit_code == 1
        failed = "\n".join(lines(result, "failed"))
        for name in ("PORT", "JWT_SECRET", "JWT_REFRESH_SECRET", "ECHO_STT", "SESSION_EXPIRY"):
            assert f"settings: {name} " in failed
        assert "127.0.0.1:1 cannot be reached: nothing listens there" in failed
        assert "short-canary" not in result.output

    def test_no_secret_is_shown(self, run: Run) -> None:
        uri = "mongodb://ada:pass-canary@127.0.0.1:1/x?serverSelectionTimeoutMS=100"
        result = run(
            "check", "--offline", MONGO_URI=uri, OPENAI_API_KEY="sk-canary", STT_API_KEY="stt-canary"
        )
        assert result.exit_code == 1
        assert "canary" not in result.output

    @pytest.mark.parametrize("uri", ["mongodb://ada:can/ary@h/x", "mongodb://a:canary@ary@h/x", "mongodb://"])
    def test_a_uri_that_is_none_is_explained(self, run: Run, uri: str) -> None:
        result = run("check", MONGO_URI=uri, **KEYS)
        assert result.exit_code == 1
        assert "MONGO_URI cannot be used as it is" in result.stdout
        assert "can/ary" not in result.output
        assert "canary" not in result.output

    def test_a_data_directory_that_is_none(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        result = run("check", MONGO_URI=NOWHERE, ECHO_DATA_DIR=str(tmp_path / "file"), **KEYS)
        assert result.exit_code == 1
        assert "is not a directory" in result.stdout
