"""The snippets of `docs/ci.md`, run as the page has them on this checkout; `make` only looks for Echo."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.waiting import PATIENCE, eventually

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ECHO_API = Path(sys.executable).with_name("echo-api")
Run = Callable[..., subprocess.CompletedProcess[str]]


def block(heading: str, language: str) -> str:
    """The first block of code in that language below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)
    assert found, heading
    return found.group(1)


GITHUB = yaml.safe_load(block("GitHub Actions", "yaml"))["jobs"]["test"]["steps"]
GITLAB = yaml.safe_load(block("GitLab CI", "yaml"))["test"]
SHELL = block("Starting one", "sh")
ALL = {
    "shell": SHELL,
    "github": next(step["run"] for step in GITHUB if step.get("name") == "Start Echo"),
    "gitlab": "\n".join(line for line in GITLAB["script"] if not line.startswith(("pip", "make", "export"))),
}


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs a script as a CI does, with programs of ours before all others; ends the server that it leaves."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program(programs / "echo-api", f'exec {ECHO_API} "$@"')
    program(programs / "pip", 'echo "pip $*"')
    program(programs / "make", 'test "$1" = test && curl -sf "$ECHO_URL/ready" && echo made')
    environ = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ENV": str(tmp_path / "github.env"),
        "WHEEL": "echo.whl",
        "ECHO_WORKERS": "1",
    }

    def run(script: str, **more: str) -> subprocess.CompletedProcess[str]:
        # To files: who waits for the end of a pipe waits for the server.
        with (tmp_path / "told").open("w+") as told, (tmp_path / "log").open("a") as log:
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", script],
                cwd=tmp_path,
                env={**environ, **more},
                stdout=told,
                stderr=log,
                check=False,
                timeout=4 * PATIENCE,
            )
            told.seek(0)
            return subprocess.CompletedProcess(script, done.returncode, told.read())

    yield run
    ready = tmp_path / "echo.ready"
    if ready.exists():
        os.kill(
            int(dict(line.split("=", 1) for line in ready.read_text().splitlines())["ECHO_PID"]),
            signal.SIGTERM,
        )
        assert eventually(lambda: not ready.exists())


@pytest.mark.slow
def test_the_shell_starts_one_with_its_seed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text(block("Starting one", "json"))
    exports = json.dumps(
        {
            "conversationId": "c",
            "title": "Mine",
            "messages": [{"messageId": "m", "sender": "User", "text": "Hi"}],
        }
    )
    (tmp_path / "export.json").write_text(exports)
    login = '{"email": "ada@example.com", "password": "correct horse 1 battery"}'
    ask = f"curl -sf $ECHO_URL/api/auth/login -H 'Content-Type: application/json' -d '{login}'"
    done = run(f"{SHELL}\n{ask}")
    assert done.returncode == 0, done
    assert '"role":"admin"' in done.stdout


@pytest.mark.slow
def test_the_steps_of_github(run: Run, tmp_path: Path) -> None:
    told: dict[str, str] = {}
    for step in GITHUB:
        if "run" in step:
            done = run(step["run"], **step.get("env", {}), **told)
            assert done.returncode == 0, done
        if (lines := tmp_path / "github.env").exists():
            told = dict(line.split("=", 1) for line in lines.read_text().splitlines())
    assert done.stdout.rstrip().endswith("made")


@pytest.mark.slow
def test_the_script_of_gitlab(run: Run) -> None:
    done = run("\n".join(GITLAB["script"]), **GITLAB["variables"])
    assert done.returncode == 0, done
    assert done.stdout.startswith("pip install echo.whl[embedded]\n")
    assert done.stdout.rstrip().endswith("made")


@pytest.mark.parametrize("name", ALL)
def test_the_loop_ends_with_a_server_that_does_not_start(name: str, run: Run, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "echo-api", "exit 78")
    assert run(ALL[name]).returncode == 1


def test_the_services_of_compose_wait_for_each_other() -> None:
    content: dict[str, Any] = yaml.safe_load(block("Docker compose", "yaml"))
    services = content["services"]
    assert services["tests"]["depends_on"] == {"echo": {"condition": "service_healthy"}}
    assert services["tests"]["environment"]["ECHO_URL"] == "http://echo:3080"
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "'/ready'" in dockerfile.partition("HEALTHCHECK")[2]
    assert "EXPOSE 3080" in dockerfile
