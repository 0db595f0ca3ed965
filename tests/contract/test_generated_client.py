"""A client generated from openapi.json just works: it goes through the session of the README."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.server import PASSWORD, RunningServer, start_server

ROOT = Path(__file__).parents[2]
PACKAGE = "generated_echo_client"


@pytest.fixture(scope="module")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("client")
    command = [
        *(str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--meta", "none"),
        *(
            "--path",
            str(ROOT / "openapi.json"),
            "--output-path",
            str(directory / PACKAGE),
            "--fail-on-warning",
        ),
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(directory))
    yield PACKAGE
    sys.path.remove(str(directory))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = start_server(tmp_path_factory.mktemp("server"))
    yield running
    running.kill()


@pytest.mark.slow
def test_goes_through_the_session_of_the_readme(client_package: str, server: RunningServer) -> None:
    def api(name: str) -> ModuleType:
        return importlib.import_module(f"{client_package}.api.{name}")

    models = importlib.import_module(f"{client_package}.models")
    package = importlib.import_module(client_package)
    anonymous = package.Client(base_url=server.url)

    def ok(response: Any) -> Any:
        assert response.status_code < 300, response.content
        assert response.parsed is not None
        return response.parsed

    registration = models.RegisterRequest(
        name="Ada", email="ada@example.com", password=PASSWORD, confirm_password=PASSWORD
    )
    user = ok(api("authentication.register").sync_detailed(client=anonymous, body=registration))
    assert user.email == "ada@example.com"
    credentials = models.LoginRequest(email="ada@example.com", password=PASSWORD)
    session = ok(api("authentication.login").sync_detailed(client=anonymous, body=credentials))
    ada = package.AuthenticatedClient(base_url=server.url, token=session.token)
