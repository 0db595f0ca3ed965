"""The Dockerfile by its rules; and what its last lines say, run without an engine."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser
from pymongo import MongoClient

from tests.operations.conftest import ROOT, Deployment, free_port
from tests.support.waiting import PATIENCE

KEYS = {"JWT_SECRET": "k1Qw9xZe" * 5, "JWT_REFRESH_SECRET": "p7Lm3vTr" * 5}


def instructions() -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(ROOT / "Dockerfile", directory)
        parsed = DockerfileParser(path=directory).structure
    return [(each["instruction"], each["value"]) for each in parsed if each["instruction"] != "COMMENT"]


ALL = instructions()
LAST_STAGE = ALL[max(index for index, (name, _) in enumerate(ALL) if name == "FROM") :]


def last(name: str) -> str:
    return next(value for each, value in reversed(LAST_STAGE) if each == name)


def variables() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", last("ENV")))


class TestRules:
    def test_hadolint_finds_nothing(self) -> None:
        hadolint = Path(sys.executable).parent / "hadolint"
        run = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout) == (0, "")

    def test_nothing_comes_from_the_network_but_packages(self) -> None:
        assert not [value for name, value in ALL if name == "ADD"]
        assert not re.search(r"curl|wget|git ", " ".join(value for _, value in ALL))

    def test_the_image_has_what_was_built_and_not_what_built_it(self) -> None:
        assert [value for name, value in LAST_STAGE if name == "COPY"] == ["--from=build /opt/echo /opt/echo"]
        assert not re.search(r"\bpip\b|apt", " ".join(value for name, value in LAST_STAGE if name == "RUN"))

    def test_runs_as_nobody_special(self) -> None:
        assert last("USER") == "10001:10001"

    def test_starts_without_a_shell(self) -> None:
        for name in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(word, str) for word in json.loads(last(name)))
        assert re.search(r'CMD \["python"', last("HEALTHCHECK"))
        assert "/ready" in last("HEALTHCHECK")

    def test_says_where_it_listens_and_keeps_its_data(self) -> None:
        assert (last("EXPOSE"), last("VOLUME"), last("WORKDIR")) == ("3080", "/data", "/data")
        assert variables()["PORT"] == "3080"

    def test_has_no_secret(self) -> None:
        given = " ".join(value for name, value in ALL if name in ("ENV", "ARG"))
        assert not re.search("SECRET|PASSWORD|TOKEN|KEY", given)

    def test_the_context_has_what_is_copied_and_nothing_private(self) -> None:
        allowed = {
            line[1:].rstrip("/")
            for line in (ROOT / ".dockerignore").read_text().splitlines()
            if line.startswith("!")
        }
        copied = {
            word
            for name, value in ALL
            if name == "COPY" and "--from" not in value
            for word in value.split()[:-1]
        }
        assert copied == allowed
        assert all((ROOT / name).exists() for name in copied)


def initiate(deployment: Deployment) -> None:
    """What deploy/replica-set.js does, without MongoDB's shell."""
    with MongoClient[dict[str, Any]](deployment.root_uri) as client:
        members = [{"_id": 0, "host": deployment.host}]
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        while not client.admin.command("hello")["isWritablePrimary"]:
            time.sleep(0.1)
        client.LibreChat.command("createUser", "echo", pwd=deployment.echo_password, roles=["readWrite"])


@pytest.fixture
def volume() -> Iterator[Path]:
    """What the container may write to, and nothing else: its volume, and a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="echo-volume-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        for each in ("data", "tmp"):
            (directory / each).mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(directory / each, *map(int, last("USER").split(":")))
        yield directory


def as_its_user(python: Path) -> list[str]:
    """Become the image's user, without any privilege left: if we are root, and Python is not root's alone."""
    user, group = last("USER").split(":")
    bare = ("--clear-groups", "--no-new-privs", "--bounding-set=-all")
    become = ["setpriv", f"--reuid={user}", f"--regid={group}", *bare]
    where = [str(python), "-c", "import connexion, os; print(os.__file__)"]
    if os.geteuid() == 0:
        ours, theirs = (
            subprocess.run([*prefix, *where], capture_output=True, text=True, check=False, cwd="/").stdout
            for prefix in ([], become)
        )
        if ours == theirs:
            return become
    return []


class TestRunning:
    def test_serves_is_ready_and_ends_cleanly(
        self, installed: Path, deployment: Deployment, volume: Path
    ) -> None:
        initiate(deployment)
        port = free_port()
        environ = {
            **variables(),
            "ECHO_DATA_DIR": str(volume / "data"),
            "PATH": f"{installed}:{os.environ['PATH']}",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "ECHO_WORKERS": "2",
            "TMPDIR": str(volume / "tmp"),
            "MONGO_URI": deployment.uri,
            "METRICS_SECRET": "x" * 20,
            **KEYS,
        }
        become = as_its_user(installed / "python")
        command = [*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD"))]
        command = [word.replace("/data", str(volume / "data")) for word in command]
        log = volume / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*become, *command], env=environ, cwd=volume / "data", stdout=output, stderr=output
            )
        try:
            check = [*become, *json.loads(last("HEALTHCHECK").partition("CMD ")[2])]
            deadline = time.monotonic() + 2 * PATIENCE
            while subprocess.run(check, env=environ, capture_output=True, check=False).returncode != 0:
                assert time.monotonic() < deadline, log.read_text()
                assert process.poll() is None, log.read_text()
                time.sleep(0.5)
            with MongoClient[dict[str, Any]](deployment.uri) as client:
                assert "messageId_1_user_1_tenantId_1" in client.LibreChat.messages.index_information()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            process.kill()
            process.wait()
        text = log.read_text()
        assert "Echo has stopped" in text
        assert "Traceback" not in text
        assert list((volume / "tmp").iterdir()) == []
