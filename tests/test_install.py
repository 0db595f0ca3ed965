"""Echo built as a wheel and installed elsewhere serves as it does from the checkout."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import requests

from tests.support.installed import ROOT, install_wheel
from tests.support.server import start_server

# One test for each process: its Echo has the accounts of its own tests only.
PROCESSES = """
from pathlib import Path

import pytest

pytestmark = pytest.mark.echo_settings(ECHO_OFFLINE_MODEL="on", MIN_PASSWORD_LENGTH=9)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("one", "two")]
)
def test_has_a_server_of_its_own(name, worker_id, echo_server, echo_client):
    Path(f"served-{worker_id}").write_text(echo_server.url)
    assert echo_client.get("/api/user").json()["email"] == echo_client.user.email
"""


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wheel(tmp_path_factory.mktemp("installed"))


@pytest.mark.slow
def test_the_pytest_plugin_serves_another_project(binaries: Path, tmp_path: Path) -> None:
    """What docs/ci.md shows is the whole project, run by two processes of tests, each with an Echo of its own."""
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    [program] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "test_sample.py").write_text(program)
    (tmp_path / "test_processes.py").write_text(PROCESSES)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    command = [str(binaries / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2"]
    command += ["--dist", "loadgroup"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENAI_API_KEY": "sk-never-used"}
    run = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert "5 passed" in run.stdout, run.stdout + run.stderr
    homes = {path.name: path.read_text() for path in tmp_path.glob("served-*")}
    assert len(set(homes.values())) == len(homes) == 2


@pytest.mark.slow
def test_a_wheel_serves_outside_the_checkout(binaries: Path, tmp_path: Path) -> None:
    server = start_server(tmp_path, command=(str(binaries / "echo-api"),))
    try:
        document = requests.get(f"{server.url}/openapi.json", timeout=10).json()
        assert document["servers"][0]["url"]
        assert requests.get(f"{server.url}/docs", timeout=10).ok
        token = server.sign_up("ada")
        assert server.post("/api/messages/new", token, {"text": "hi", "sender": "user"}).ok
        where = [
            str(binaries / "python"),
            "-c",
            "import echo, handlers, storage; print(echo.__file__, handlers.__file__)",
        ]
        found = subprocess.run(where, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
        assert str(ROOT) not in found
    finally:
        server.kill()
