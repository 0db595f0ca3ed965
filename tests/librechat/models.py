"""LibreChat's published libraries, run by Node: its models (`@librechat/data-schemas`), its client's data service."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support import npm

NODE = Path(__file__).parent / "node"
SCRIPTS = ("models.mjs", "env.mjs", "service.mjs")
RUN_SECONDS = 120


class Models:
    """LibreChat's published libraries, installed in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def run(self, command: str, uri: str) -> Any:
        """The answer of `models.mjs`."""
        return self._node("models.mjs", command, uri)

    def read_env_files(self, texts: list[str]) -> list[dict[str, str]]:
        """What LibreChat's reader of `.env` files makes of these."""
        answer: list[dict[str, str]] = self._node("env.mjs", said=json.dumps(texts))
        return answer

    def drive_service(self, address: str) -> dict[str, Any]:
        """What became of each function of LibreChat's data service at the server of this address."""
        answer: dict[str, Any] = self._node("service.mjs", address)
        return answer

    def _node(self, *arguments: str, said: str = "") -> Any:
        run = subprocess.run(
            ["node", *arguments],
            cwd=self._directory,
            input=said,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        # LibreChat's logger may print as well.
        return json.loads(run.stdout.splitlines()[-1])


def install(cache: Path) -> Models:
    """The libraries, from npm, once for a lock file. Without Node or npm tests are skipped, but not in CI."""
    return Models(npm.install(NODE, cache, SCRIPTS))
