"""A MongoDB as compose.yaml runs it: over TCP, with users, a member of a replica set by its key."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from storage.embedded.binary import find_mongod, plain_env
from tests.support.installed import install_wheel

ROOT = Path(__file__).parents[2]


@dataclass
class Deployment:
    """A running server, and the passwords that `.env` would have."""

    port: int
    root_password: str
    echo_password: str
    log: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def root_uri(self) -> str:
        return f"mongodb://root:{self.root_password}@{self.host}/admin?directConnection=true"

    @property
    def uri(self) -> str:
        """What compose.yaml gives Echo."""
        return f"mongodb://echo:{self.echo_password}@{self.host}/LibreChat?replicaSet=rs0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_mongod(directory: Path, port: int, *options: str) -> subprocess.Popen[bytes]:
    (directory / "data").mkdir(exist_ok=True)
    with (directory / "mongod.log").open("ab") as log:
        return subprocess.Popen(
            [
                *(
                    find_mongod(),
                    "--dbpath",
                    directory / "data",
                    "--port",
                    str(port),
                    "--bind_ip",
                    "127.0.0.1",
                ),
                *("--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", *options),
            ],
            stdout=log,
            stderr=log,
            env=plain_env(),
        )


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    """As the image does it: a start without access control to make the root user, then the real one."""
    with tempfile.TemporaryDirectory(prefix="echo-deployment-") as name:
        directory, port = Path(name), free_port()
        found = Deployment(port, secrets.token_hex(16), secrets.token_hex(16), directory / "mongod.log")
        first = start_mongod(directory, port)
        with MongoClient[dict[str, Any]](f"mongodb://{found.host}/?directConnection=true") as client:
            client.admin.command("createUser", "root", pwd=found.root_password, roles=["root"])
        first.terminate()
        first.wait(60)
        key = directory / "members.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(300))
        second = start_mongod(directory, port, "--replSet", "rs0", "--keyFile", str(key))
        try:
            with MongoClient[dict[str, Any]](found.root_uri) as client:
                client.admin.command("ping")
            yield found
        finally:
            second.terminate()
            second.wait(60)


@pytest.fixture(scope="session")
def installed() -> Iterator[Path]:
    """The `bin` of an environment with the wheel, readable for any user: pytest's own directories are private."""
    with tempfile.TemporaryDirectory(prefix="echo-installed-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield install_wheel(directory)


@pytest.fixture
def mongosh() -> str:
    """MongoDB's shell, which no Python package brings."""
    found = shutil.which("mongosh", path=os.environ.get("PATH"))
    if found is None:
        pytest.skip("mongosh is not installed")
    return found
