"""An Echo with its offline model, and other people's tools in environments of their own (`make clients`)."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from echo.testing.documents import load_document
from echo.testing.generators import for_generators
from tests.support.server import RunningServer, start_server

HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / ".clients"
NODE_TOOLS = TOOLS / "node_modules" / ".bin"
SECONDS = 900

Run = Callable[..., str]


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = start_server(tmp_path_factory.mktemp("server"), environ={"ECHO_OFFLINE_MODEL": "on"})
    yield running
    running.kill()


@pytest.fixture(scope="package")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both documents as they are served, and as `echo-api contract document` prints them."""
    directory, paths = tmp_path_factory.mktemp("documents"), {}
    for name in ("echo", "librechat"):
        served = load_document(name)
        for kind, document in ((name, served), (f"{name}-adapted", for_generators(served))):
            paths[kind] = directory / f"{kind}.json"
            paths[kind].write_text(json.dumps(document), encoding="utf-8")
    return paths


@pytest.fixture(scope="package")
def run() -> Run:
    """Runs a program of the environments; what it printed. What it lacks, such as Java, skips the test."""

    def run(program: str, *arguments: object, cwd: Path, **environ: str) -> str:
        found = shutil.which(program, path=f"{TOOLS / 'bin'}:{NODE_TOOLS}:{os.environ['PATH']}")
        if found is None:
            pytest.skip(f"{program} is not installed: `make clients` does it")
        done = subprocess.run(
            [found, *map(str, arguments)],
            env={**os.environ, "REDOCLY_TELEMETRY": "off", **environ},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def session(server: RunningServer, run: Run, tmp_path: Path) -> Callable[..., Any]:
    """Runs a session as a user of its own; what it printed last, which is JSON."""

    def session(program: str, *arguments: object, url: str | None = None, **environ: str) -> Any:
        email = f"{uuid.uuid4()}@example.com"
        printed = run(program, *arguments, cwd=tmp_path, ECHO_URL=url or server.url, EMAIL=email, **environ)
        return json.loads(printed.splitlines()[-1])

    return session
