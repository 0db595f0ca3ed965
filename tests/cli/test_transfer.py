"""`echo-api import` and `echo-api export`, as people run them."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from storage.accounts.users import UserRepository
from storage.core.database import Database
from tests.cli.conftest import Run as InProcess
from tests.support.waiting import until
from tests.transfer.conftest import SAMPLES

Run = Callable[..., subprocess.CompletedProcess[str]]
SECRETS = {"JWT_SECRET": "tests-only-" + "a1B2" * 8, "JWT_REFRESH_SECRET": "tests-only-" + "c3D4" * 8}


@pytest.fixture
def database(database_uri: str) -> Iterator[Database]:
    database = Database(database_uri)
    users = UserRepository(database)
    for name in ("ada", "bob"):
        users.create(name=name, email=f"{name}@example.com", username=name, password_hash="none")
    yield database
    database.close()


@pytest.fixture
def environ(database_uri: str, database: Database, tmp_path: Path) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE")
    }
    return {**inherited, **SECRETS, "MONGO_URI": database_uri, "ECHO_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def run(run: InProcess, environ: dict[str, str]) -> Run:
    """Runs a command in this process, below the test's own directory."""

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        done = run(*map(str, arguments), **environ)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return command


def counts(database: Database) -> tuple[int, int]:
    names = ("conversations", "messages")
    first, second = (database.collection(name).count_documents({}) for name in names)
    return first, second


def importing(file: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    """An import for Ada that has begun."""
    return subprocess.Popen(
        [sys.executable, "-m", "echo", "import", str(file), "--user", "ada@example.com"],
        env={**environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def on_a_terminal(environ: dict[str, str], arguments: list[str]) -> str:
    """What a command shows on a terminal, without the sequences that move and colour."""
    reading, writing = pty.openpty()
    command = [sys.executable, "-m", "echo", *arguments]
    env = {**environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, env=env, stdin=writing, stdout=writing, stderr=writing) as process:
        os.close(writing)
        shown = b""
        # Once nobody holds the other end, Linux says EIO.
        with suppress(OSError), os.fdopen(reading, "rb", buffering=0) as screen:
            while piece := screen.read(4096):
                shown += piece
    assert process.returncode == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r(?=\n)", "", shown.decode()).replace("\r", "\n")


class TestImport:
    def test_shows_what_it_did(self, run: Run, database: Database) -> None:
        done = run("import", SAMPLES / "claude.json", "--user", "Ada@example.com")
        assert (done.returncode, done.stderr) == (0, "")
        assert "created           2" in done.stdout
        assert counts(database) == (2, 5)

    def test_as_json_and_by_id(self, run: Run, database: Database) -> None:
        ada = str(UserRepository(database).find_by_email("ada@example.com")["_id"])  # type: ignore[index]
        for created in (2, 0):
            done = run("import", SAMPLES / "claude.json", "--user", ada, "--json")
            assert json.loads(done.stdout)["created"] == created
        assert counts(database) == (2, 5)

    def test_on_a_terminal_the_bar_reaches_its_end_before_the_summary_begins(
        self, environ: dict[str, str], database: Database
    ) -> None:
        arguments = ["import", str(SAMPLES / "claude.json"), "--user", "ada@example.com"]
        lines = on_a_terminal(environ, arguments).splitlines()
        [bar] = [line for line in lines if line.startswith("Importing")][-1:]
        done, total = re.search(r"([\d.]+)/([\d.]+) [kM]?B", bar).groups()  # type: ignore[union-attr]
        assert float(done) == float(total) > 0
        assert any(re.fullmatch(r"created +2", line) for line in lines), lines

    def test_says_what_it_left_out(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "export.json"
        value = [*json.loads((SAMPLES / "claude.json").read_text()), {"title": "\x1b[31mred"}]
        file.write_text(json.dumps(value))
        done = run("import", file, "--user", "ada@example.com")
        assert done.returncode == 1
        assert "[31mred" in done.stdout
        assert "\x1b" not in done.stdout

    def test_a_broken_file(self, run: Run, database: Database, tmp_path: Path) -> None:
        file = tmp_path / "export.json"
        file.write_text((SAMPLES / "claude.json").read_text()[:-60])
        done = run("import", file, "--user", "ada@example.com")
        assert done.returncode == 65
        assert done.stderr.startswith("echo-api: The file cannot be read to its end")
        assert counts(database) == (1, 3)

    def test_no_such_user(self, run: Run, database: Database) -> None:
        for user in ("nobody@example.com", "0" * 24, "\ud83d"):
            done = run("import", SAMPLES / "claude.json", "--user", user.encode("utf-8", "replace").decode())
            assert done.returncode == 67
        assert counts(database) == (0, 0)

    def test_killed_and_run_again_is_as_if_it_ran_once(
        self, run: Run, environ: dict[str, str], database: Database, tmp_path: Path
    ) -> None:
        file = tmp_path / "export.json"
        write_export(file, conversations=300, messages=20)
        for stop in (signal.SIGKILL, signal.SIGINT):
            before = counts(database)[1]
            process = importing(file, environ)
            until(lambda before=before: counts(database)[1] > before + 900)
            process.send_signal(stop)
            process.communicate(timeout=60)
            assert process.returncode == (-9 if stop == signal.SIGKILL else 130)
        assert 0 < counts(database)[1] < 6_000
        assert run("import", file, "--user", "ada@example.com").returncode == 0
        assert counts(database) == (300, 6_000)
        again = json.loads(run("import", file, "--user", "ada@example.com", "--json").stdout)
        assert (again["unchanged"], again["messages_added"]) == (300, 0)
        assert all(
            len(each["messages"]) == len(set(each["messages"])) == 20
            for each in database.collection("conversations").find()
        )

    def test_ends_when_the_user_is_deleted_meanwhile_and_leaves_nothing(
        self, run: Run, environ: dict[str, str], database: Database, tmp_path: Path
    ) -> None:
        file = tmp_path / "export.json"
        write_export(file, conversations=1_000, messages=20)
        process = importing(file, environ)
        until(lambda: counts(database)[1] > 900)
        assert run("user", "delete", "ada@example.com", "--yes", "--force").returncode == 0
        _, said = process.communicate(timeout=60)
        assert process.returncode == 67
        assert said == "echo-api: The user ada@example.com was deleted meanwhile.\n"
        assert counts(database) == (0, 0)


class TestExport:
    def test_writes_a_file_for_its_owner_alone(self, run: Run, tmp_path: Path) -> None:
        run("import", SAMPLES / "claude.json", "--user", "ada@example.com")
        done = run("export", "--user", "ada@example.com")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == "2 conversations exported to conversations.json.\n"
        written = tmp_path / "conversations.json"
        assert written.stat().st_mode & 0o777 == 0o600
        assert len(json.loads(written.read_text())) == 2
        assert not list(tmp_path.glob(".*"))

    def test_a_zip_by_its_name(self, run: Run, tmp_path: Path) -> None:
        run("import", SAMPLES / "claude.json", "--user", "ada@example.com")
        assert run("export", "--user", "ada@example.com", "-o", "all.zip").returncode == 0
        with zipfile.ZipFile(tmp_path / "all.zip") as packed:
            assert len(packed.namelist()) == 2

    def test_to_stdout(self, run: Run) -> None:
        run("import", SAMPLES / "claude.json", "--user", "ada@example.com")
        assert len(json.loads(run("export", "--user", "ada@example.com", "-o", "-").stdout)) == 2

    def test_where_it_cannot_write(self, run: Run) -> None:
        done = run("export", "--user", "ada@example.com", "-o", "missing/all.json")
        assert done.returncode == 73
        assert done.stderr.startswith("echo-api: missing/all.json cannot be written")

    def test_writes_nothing_over_what_somebody_else_put_there(self, run: Run, tmp_path: Path) -> None:
        """In a directory that others can write to, a name that can be guessed may be a link."""
        precious = tmp_path / "precious"
        precious.write_text("kept")
        (tmp_path / ".conversations.json.part").symlink_to(precious)
        assert run("export", "--user", "ada@example.com").returncode == 0
        assert precious.read_text() == "kept"
        assert not (tmp_path / "conversations.json").is_symlink()

    def test_a_pipe_is_written_to_and_not_replaced(self, run: Run, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
        assert run("export", "--user", "ada@example.com", "-o", "pipe").returncode == 0
        assert json.loads(reader.communicate(timeout=30)[0]) == []
        assert pipe.is_fifo()

    def test_goes_back_into_another_account(self, run: Run, database: Database, tmp_path: Path) -> None:
        run("import", SAMPLES / "chatgpt.json", "--user", "ada@example.com")
        run("export", "--user", "ada@example.com", "-o", "all.zip")
        before = counts(database)
        done = run("import", tmp_path / "all.zip", "--user", "bob@example.com", "--json")
        assert json.loads(done.stdout)["created"] == 2
        assert counts(database) == (before[0] * 2, before[1] * 2)


def write_export(file: Path, *, conversations: int, messages: int, text: str = "some words " * 20) -> None:
    """A LibreChat export of so many conversations, written as it is made."""
    with file.open("w") as stream:
        for number in range(conversations):
            tree: list[Any] = []
            for place in reversed(range(messages)):
                tree = [{"messageId": f"{number}-{place}", "text": f"{place} {text}", "children": tree}]
            value = {"conversationId": str(number), "title": f"Number {number}", "messages": tree}
            stream.write(("," if number else "[") + json.dumps(value))
        stream.write("]")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(
    environ: dict[str, str], database: Database, tmp_path: Path
) -> None:
    """The largest memory of the process itself, importing and then exporting 2 MB and 20 MB."""
    peaks: dict[str, list[int]] = {"import": [], "export": []}
    for user, conversations in (("ada", 40), ("bob", 400)):
        file = tmp_path / f"{user}.json"
        write_export(file, conversations=conversations, messages=10, text="word " * 1000)
        address = f"{user}@example.com"
        peaks["import"].append(peak_kilobytes(environ, "import", str(file), "--user", address))
        peaks["export"].append(
            peak_kilobytes(environ, "export", "--user", address, "-o", str(tmp_path / "out.json"))
        )
    for small, large in peaks.values():
        assert large < small + 12_000, peaks


def peak_kilobytes(environ: dict[str, str], *arguments: str) -> int:
    """Runs a command in a child that reports its own peak."""
    program = (
        "import resource, sys; from echo.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    child = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(child.stderr.split()[-1])
