"""LibreChat's published libraries, run by Node: its models (`@librechat/data-schemas`), its client's data service."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NODE = Path(__file__).parent / "node"
FILES = ("package.json", "package-lock.json", ".npmrc")
SCRIPTS = ("models.mjs", "env.mjs", "service.mjs")
INSTALL_SECONDS = 300
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
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        give_up(f"LibreChat's libraries need {' and '.join(missing)}")
    content = b"".join((NODE / name).read_bytes() for name in FILES)
    directory = cache / hashlib.sha256(content).hexdigest()[:16]
    if not directory.exists():
        draft = directory.with_suffix(f".{os.getpid()}")
        draft.mkdir(parents=True)
        for name in FILES:
            shutil.copy(NODE / name, draft)
        run = subprocess.run(
            ["npm", "ci", "--no-progress", "--loglevel=error"],
            cwd=draft,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if run.returncode != 0:
            shutil.rmtree(draft)
            give_up(f"LibreChat's libraries could not be installed: {run.stderr.strip()[-500:]}")
        draft.rename(directory)
    for name in SCRIPTS:
        # Another process of tests may be reading the one that is there.
        copy = shutil.copy(NODE / name, directory / f"{name}.{os.getpid()}")
        Path(copy).rename(directory / name)
    return Models(directory)


def give_up(reason: str) -> None:
    """Skip, but not in CI: there it is a failure."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)
