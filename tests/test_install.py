"""Echo built as a wheel and installed elsewhere serves as it does from the checkout."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support.server import start_server

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_serves_outside_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    environment = tmp_path / "venv"
    # What Echo depends on comes from this environment; Echo itself from the wheel only.
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(dependencies_path())
    command = (str(environment / "bin" / "echo-api"),)
    server = start_server(tmp_path, command=command)
    try:
        document = requests.get(f"{server.url}/openapi.json", timeout=10).json()
        assert document["servers"][0]["url"]
        assert requests.get(f"{server.url}/docs", timeout=10).ok
        token = server.sign_up("ada")
        assert server.post("/api/messages/new", token, {"text": "hi", "sender": "user"}).ok
        where = [str(python), "-c", "import echo, handlers, storage; print(echo.__file__, handlers.__file__)"]
        found = subprocess.run(where, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
        assert str(ROOT) not in found
    finally:
        server.kill()


def dependencies_path() -> str:
    """The site-packages of this environment, without what makes the checkout itself importable."""
    return str(Path(pytest.__file__).parents[1]) + "\n"
