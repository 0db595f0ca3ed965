"""The command line, run in this process: in an environment of its own, or on an empty database beside the API."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase
from starlette.testclient import TestClient

from echo.app import assemble
from echo.cli import main
from echo.settings.env_file import read_env_file
from tests.conftest import Client, make_settings
from tests.support.asgi import QuickClient
from tests.support.contract import ProjectChecker
from tests.support.database import PreparedDatabase

Run = Callable[..., Result]
ROOT = Path(__file__).parents[2]
KEYS = {"JWT_SECRET": "tests-only-" + "a1B2" * 8, "JWT_REFRESH_SECRET": "tests-only-" + "c3D4" * 8}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command with these variables, and none of the machine's own."""
    monkeypatch.chdir(tmp_path)
    for name in {*read_env_file(ROOT / ".env.example"), *(each for each in os.environ if "ECHO_" in each)}:
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str, typed: str | None = None, **environ: str) -> Result:
        environ.setdefault("ECHO_DATA_DIR", str(tmp_path / "data"))
        return CliRunner().invoke(main, arguments, input=typed, env=environ)

    return invoke


@dataclass(frozen=True)
class CommandLine:
    """Runs `echo-api` in this process."""

    environ: dict[str, str]

    def run(self, *arguments: str, code: int = 0, typed: str | None = None) -> Result:
        """The outcome, whose exit code must be this one."""
        result = CliRunner().invoke(main, arguments, input=typed, env=self.environ)
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, typed: str | None = None) -> Any:
        """What it prints with `--json`."""
        return json.loads(self.run(*arguments, "--json", typed=typed).stdout)

    def refused(self, *arguments: str, code: int = 1, typed: str | None = None) -> str:
        """The one sentence on stderr with which it ends."""
        text = self.run(*arguments, code=code, typed=typed).stderr
        assert "Traceback" not in text
        return text


@pytest.fixture
def database_uri(prepared_database: PreparedDatabase) -> Iterator[str]:
    yield prepared_database.uri
    prepared_database.clear()


@pytest.fixture
def stored(database_uri: str) -> Iterator[MongoDatabase[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](database_uri, tz_aware=True) as client:
        yield client.get_default_database()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli") / "data"


@pytest.fixture
def environ(database_uri: str, data_dir: Path) -> Iterator[dict[str, str]]:
    """The variables of the shared database, and of a directory that is empty at first."""
    yield {"MONGO_URI": database_uri, "ECHO_DATA_DIR": str(data_dir), **KEYS}
    shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture
def echo_api(environ: dict[str, str]) -> CommandLine:
    return CommandLine(environ)


@pytest.fixture(scope="session")
def closed_echo(prepared_database: PreparedDatabase, data_dir: Path) -> Iterator[TestClient]:
    """An Echo on that database, in which registration is closed."""
    settings = make_settings(prepared_database.uri, data_dir, ALLOW_REGISTRATION="false")
    with QuickClient(
        assemble(settings).asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000)
    ) as http:
        yield http


@pytest.fixture
def api(environ: dict[str, str], closed_echo: TestClient, checker: ProjectChecker) -> Client:
    """An anonymous client of an Echo on what the commands work on."""
    return Client(closed_echo, checker)
