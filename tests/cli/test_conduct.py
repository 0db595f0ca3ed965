"""What every command does where the world is at fault: no text, no room, no rights. One sentence, no traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from echo.cli import COMMANDS, main
from tests.cli.conftest import CommandLine
from tests.support.single_server import single_server

ROOT = Path(__file__).parents[2]
# Half a character: what Python makes of an argument that is not UTF-8.
NO_TEXT = "Zo\udcc3"


@pytest.fixture
def as_process(environ: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    inherited = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE")
    }

    def run(
        *arguments: str, stdout: Any = subprocess.PIPE, **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "echo", *arguments],
            env={**inherited, **environ, "PYTHONPATH": str(ROOT), **more},
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )

    return run


class TestText:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("user", "create", "ada@example.com", "--name", NO_TEXT, "--generate"),
            ("user", "list", "--search", NO_TEXT),
            ("user", "show", NO_TEXT),
            ("invite", "create", f"{NO_TEXT}@example.com"),
        ],
        ids=lambda arguments: " ".join(arguments[:2]),
    )
    def test_that_is_not_utf_8_is_refused(self, echo_api: CommandLine, arguments: tuple[str, ...]) -> None:
        assert echo_api.refused(*arguments).startswith("echo-api: ")

    def test_that_the_output_cannot_hold_is_escaped(
        self,
        as_process: Callable[..., subprocess.CompletedProcess[bytes]],
        stored: MongoDatabase[dict[str, Any]],
    ) -> None:
        stored["users"].insert_one({"email": "zoe@example.com", "name": "Zoë 漢"})
        done = as_process("user", "list", PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, b"")
        assert rb"Zo\xeb \u6f22" in done.stdout

    def test_is_the_same_in_json_whatever_the_output_can_hold(
        self,
        as_process: Callable[..., subprocess.CompletedProcess[bytes]],
        stored: MongoDatabase[dict[str, Any]],
    ) -> None:
        """U+009B begins a command to a terminal, as ESC [ does."""
        stored["users"].insert_one({"email": "zoe@example.com", "name": "Zoë \x9b31m"})
        done = as_process("user", "list", "--json", PYTHONIOENCODING="ascii")
        assert json.loads(done.stdout)[0]["name"] == "Zoë \x9b31m"
        assert done.stdout.isascii()


class TestPasswords:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8:surrogateescape"])
    def test_that_are_not_utf_8_are_refused(
        self, as_process: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path, encoding: str
    ) -> None:
        file = tmp_path / "password"
        file.write_bytes(b"p\xff\xfessword-1234\n")
        with file.open() as stdin:
            done = subprocess.run(
                [sys.executable, "-m", "echo", "user", "create", "ada@example.com", "--password-stdin"],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
                cwd=tmp_path,
                stdin=stdin,
                capture_output=True,
                check=False,
            )
        assert done.returncode == 2
        assert b"is not UTF-8" in done.stderr
        assert b"Traceback" not in done.stderr


class TestOutput:
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_that_finds_no_room_is_said(
        self, as_process: Callable[..., subprocess.CompletedProcess[bytes]]
    ) -> None:
        with open("/dev/full", "wb") as full:
            done = as_process("user", "list", "--json", stdout=full)
        assert done.returncode == 74
        assert done.stderr == b"echo-api: Reading or writing failed: No space left on device.\n"

    def test_a_data_directory_that_cannot_be_made_is_named(
        self, echo_api: CommandLine, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        said = echo_api.refused("user", "list", "--data-dir", str(tmp_path / "file" / "data"), code=74)
        assert said.startswith(f"echo-api: {tmp_path}/file")


class TestRights:
    def test_a_password_that_is_wrong_and_a_right_that_is_missing_are_told_from_a_server_that_is_down(
        self, echo_api: CommandLine
    ) -> None:
        with single_server("--auth") as uri:
            with MongoClient[dict[str, Any]](uri) as client:
                roles = [{"role": "read", "db": "LibreChat"}]
                client.admin.command("createUser", "ada", pwd="secret-of-ada", roles=["root"])
            with MongoClient[dict[str, Any]](uri, username="ada", password="secret-of-ada") as client:
                client.admin.command("createUser", "reader", pwd="secret-of-reader", roles=roles)
                client["LibreChat"]["users"].insert_one({"email": "bob@example.com"})
            for user in ("reader:secret-of-reader", "reader:secret-of-nobody"):
                echo_api.environ["MONGO_URI"] = uri.replace("//", f"//{user}@") + "LibreChat?authSource=admin"
                said = echo_api.refused("user", "ban", "bob@example.com", "--yes", code=69)
                assert "does not allow that" in said
                assert "echo-api check" in said
                assert "secret" not in said
        assert "does not answer" in echo_api.refused("user", "list", code=69)


class TestSettings:
    def test_a_file_that_is_no_text_is_named_and_not_shown(
        self, echo_api: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / ".env").write_bytes(b"OPENAI_API_KEY=sk-secret\xff\n")
        said = echo_api.refused("user", "list", code=78)
        assert said == "echo-api: .env cannot be read: it is not UTF-8.\n"


@pytest.mark.parametrize(
    ("shell", "script"), [("bash", b"complete -o nosort"), ("zsh", b"#compdef echo-api")]
)
def test_shells_get_their_completion(shell: str, script: bytes) -> None:
    command = [str(Path(sys.executable).with_name("echo-api"))]
    environ = {"PATH": os.environ["PATH"], "_ECHO_API_COMPLETE": f"{shell}_source"}
    shown = subprocess.run(command, env=environ, capture_output=True, check=True).stdout
    assert script in shown
    environ |= {"_ECHO_API_COMPLETE": f"{shell}_complete", "COMP_WORDS": "echo-api imp", "COMP_CWORD": "1"}
    completed = subprocess.run(command, env=environ, capture_output=True, check=True).stdout
    assert b"import" in completed


class TestListOfCommands:
    def test_says_of_each_command_what_the_command_says(self) -> None:
        context = click.Context(main)
        for name in main.list_commands(context):
            command = main.get_command(context, name)
            assert command is not None
            said = " ".join((command.help or "").split())
            assert said.startswith(COMMANDS[name].summary.removesuffix(".")), name
            assert command.name == name

    def test_has_every_command_of_every_module(self) -> None:
        modules = {path.stem for path in (ROOT / "echo" / "cli").glob("*.py")}
        parts = {
            # Not commands themselves, but what they are made of.
            *("__init__", "accounts", "agent_runs", "banning", "common", "ending", "factors"),
            *("contract_testing", "deleting", "file_moving", "output", "picture_moving"),
            *("resetting", "standing_in", "user_roles"),
        }
        assert {place.module for place in COMMANDS.values()} == modules - parts

    def test_imports_no_settings(self) -> None:
        """With them it takes five times as long."""
        script = (
            "import sys; from echo.cli import main; main(['--help'], standalone_mode=False);"
            " print(sorted({'echo.settings', 'structlog', 'marshmallow', 'pymongo'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True)
        assert done.stdout.splitlines()[-1] == b"[]"
