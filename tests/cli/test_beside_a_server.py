"""The commands as processes: beside an Echo on the same data directory, on a terminal, and killed."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine, Run
from tests.cli.test_users import EMAIL, log_in, new_user
from tests.conftest import PASSWORD, Client
from tests.support.server import start_server
from tests.support.waiting import PATIENCE, eventually, within

ECHO_API = (sys.executable, "-m", "echo")


def clean(environ: dict[str, str]) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE")
    }
    return {**kept, **environ}


class TestBesideAServer:
    def test_what_the_operator_does_is_felt_by_those_who_are_logged_in(
        self, tmp_path: Path, run: Run
    ) -> None:
        server = start_server(tmp_path, workers=2)

        def told(*arguments: str, typed: str | None = None) -> Any:
            done = run(*arguments, "--json", "--data-dir", str(tmp_path / "data"), typed=typed)
            assert done.exit_code == 0, done.output
            return json.loads(done.stdout)

        def seen(token: str) -> set[int]:
            # Connections are opened anew, so that both workers are asked.
            url, headers = f"{server.url}/api/user", {"Authorization": f"Bearer {token}"}
            return {requests.get(url, headers=headers, timeout=PATIENCE).status_code for _ in range(8)}

        try:
            told("user", "create", EMAIL, "--password-stdin", typed=PASSWORD)
            token = server.sign_up("bob")
            roles = {row["email"]: row["role"] for row in told("user", "list")}
            assert roles == {EMAIL: "ADMIN", "bob@example.com": "USER"}
            told("user", "ban", "bob@example.com", "--yes")
            assert within(lambda: seen(token) == {401}, 5)
            # And stays so: one of the two could have been left out.
            assert seen(token) == {401}
            credentials = {"email": "bob@example.com", "password": PASSWORD}
            assert server.post("/api/auth/login", None, credentials).status_code == 403
            told("user", "unban", "bob@example.com")
            assert server.post("/api/auth/login", None, credentials).status_code == 200
            gone = told("user", "delete", "bob@example.com", "--yes")
            assert gone["documents"] == {"sessions": 1, "users": 1}
            assert server.post("/api/auth/login", None, credentials).status_code == 401
            assert server.stop(signal.SIGTERM) == 0
            # Without it, the command starts a database for itself.
            assert [row["email"] for row in told("user", "list")] == [EMAIL]
        finally:
            server.kill()


class TestOnATerminal:
    def test_a_password_is_asked_for_twice_and_not_shown(
        self, environ: dict[str, str], api: Client, tmp_path: Path
    ) -> None:
        command = [*ECHO_API, "user", "create", EMAIL]
        # `pty.spawn` gives the command a terminal of its own, whose other side these pipes are.
        terminal = subprocess.Popen(
            [sys.executable, "-c", f"import pty; raise SystemExit(pty.spawn({command!r}) >> 8)"],
            env=clean(environ),
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert terminal.stdin is not None
        assert terminal.stdout is not None
        seen = read_until(terminal.stdout.fileno(), b"Password: ")
        for _ in range(2):
            terminal.stdin.write(PASSWORD.encode() + b"\n")
            terminal.stdin.flush()
            seen += read_until(terminal.stdout.fileno(), b": ")
        seen += terminal.stdout.read()
        terminal.stdin.close()
        terminal.stdout.close()
        assert terminal.wait(timeout=PATIENCE) == 0
        assert EMAIL.encode() in seen
        assert PASSWORD.encode() not in seen
        assert log_in(api).status_code == 200


def read_until(descriptor: int, needle: bytes, seconds: float = PATIENCE) -> bytes:
    """What comes until the needle has, or the end."""
    seen, deadline = b"", time.monotonic() + seconds
    while needle not in seen and time.monotonic() < deadline:
        if select.select([descriptor], [], [], 0.1)[0]:
            data = os.read(descriptor, 4096)
            if not data:
                break
            seen += data
    return seen


class TestKilled:
    def test_a_deletion_is_finished_by_the_next(
        self, echo_api: CommandLine, api: Client, stored: MongoDatabase[dict[str, Any]], tmp_path: Path
    ) -> None:
        new_user(echo_api, "admin@example.com")
        owner = new_user(echo_api)["id"]
        log_in(api)
        stored.messages.insert_many([{"user": owner, "messageId": str(n)} for n in range(10)])
        deletion = subprocess.Popen(
            [*ECHO_API, "user", "delete", EMAIL, "--yes"], env=clean(echo_api.environ), cwd=tmp_path
        )
        # A session was open, so it waits when that has ended; then it is killed.
        assert eventually(lambda: stored.sessions.count_documents({}) == 0)
        deletion.send_signal(signal.SIGKILL)
        deletion.wait()
        assert stored.users.count_documents({"email": EMAIL}) == 1
        assert log_in(api).status_code == 403
        stored.messages.insert_one({"user": owner, "messageId": "late"})
        assert echo_api.json("user", "delete", EMAIL, "--yes")["documents"] == {"messages": 11, "users": 1}
        assert log_in(api).status_code == 401
        assert stored.logs.count_documents({}) == 0


@pytest.mark.parametrize("command", [("--help",), ("user", "--help"), ("invite", "create", "--help")])
def test_help_loads_neither_the_database_nor_the_server(command: tuple[str, ...]) -> None:
    program = (
        "import sys\nfrom echo.cli import main\n"
        f"main({list(command)!r}, standalone_mode=False)\n"
        "print(sorted({'pymongo', 'connexion', 'bcrypt'} & sys.modules.keys()))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.endswith("[]\n")
