"""Echo built as a wheel and installed elsewhere serves as it does from the checkout."""

import subprocess
from pathlib import Path

import pytest
import requests

from tests.support.installed import ROOT, install_wheel
from tests.support.server import start_server


@pytest.mark.slow
def test_a_wheel_serves_outside_the_checkout(tmp_path: Path) -> None:
    binaries = install_wheel(tmp_path)
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
