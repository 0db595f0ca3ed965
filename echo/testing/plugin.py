"""A pytest plugin: a real Echo for the tests of other people's projects. `-p echo.testing.plugin` or its entry point.

Each process of tests has an Echo of its own, on its own data and port, so several at once (xdist) do not meet.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

MARKER = "echo_settings"
START_SECONDS = 120
STOP_SECONDS = 30
REQUEST_SECONDS = 30
POLL_SECONDS = 0.02
PASSWORD = "correct horse 1 battery"  # noqa: S105 - of accounts that are made for tests
# What tests of a client want otherwise than a server's operator does.
SETTINGS = {"ECHO_RATE_LIMITS": "off", "LIMIT_CONCURRENT_MESSAGES": "false", "ECHO_LOG_FORMAT": "json"}
# Nothing else of the environment reaches the server: a key in it would make tests ask a real provider.
INHERITED = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class EchoServer:
    """A started Echo: its address without a slash at the end, and the file that it logs to."""

    url: str
    log: Path


@dataclass(frozen=True)
class EchoUser:
    """An account that a test has for itself, logged in."""

    id: str
    email: str
    password: str
    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """With what requests are this user's."""
        return {"Authorization": f"Bearer {self.token}"}


class EchoClient:
    """HTTP to the server as one user, or as nobody: `get`, `post` and so on of `requests`, with paths for URLs."""

    def __init__(self, server: EchoServer, user: EchoUser | None = None) -> None:
        self.server = server
        self.user = user

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """The answer to a request; it has half a minute if `timeout` says nothing else."""
        headers = {**(self.user.headers if self.user else {}), **options.pop("headers", {})}
        timeout = options.pop("timeout", REQUEST_SECONDS)
        return requests.request(method, self.server.url + path, headers=headers, timeout=timeout, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """A GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """A POST."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        """A PUT."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> requests.Response:
        """A PATCH."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        """A DELETE."""
        return self.request("DELETE", path, **options)


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line(
        "markers", f"{MARKER}(**settings): run on an Echo with these settings; one for each set of them"
    )


@pytest.fixture(scope="session")
def echo_servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Mapping[str, str]], EchoServer]]:
    """The server with certain settings, started when a test first asks for it; all end with the tests."""
    servers: dict[tuple[tuple[str, str], ...], EchoServer] = {}
    processes: list[subprocess.Popen[bytes]] = []

    def find(settings: Mapping[str, str]) -> EchoServer:
        key = tuple(sorted(settings.items()))
        if key not in servers:
            servers[key] = start(tmp_path_factory.mktemp("echo"), settings, processes.append)
        return servers[key]

    yield find
    for process in processes:
        stop(process)


@pytest.fixture
def echo_server(
    request: pytest.FixtureRequest, echo_servers: Callable[[Mapping[str, str]], EchoServer]
) -> EchoServer:
    """A real Echo on the embedded database, with the settings of the test's marker."""
    settings: dict[str, str] = {}
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        settings.update({name: str(value) for name, value in marker.kwargs.items()})
    return echo_servers(settings)


@pytest.fixture
def echo_user(echo_server: EchoServer) -> EchoUser:
    """A new account, logged in. It is registered as anybody could be: where nobody may, the test fails."""
    nobody = EchoClient(echo_server)
    name = f"user-{secrets.token_hex(6)}"
    credentials = {"email": f"{name}@example.com", "password": PASSWORD}
    registration = {**credentials, "name": name, "confirm_password": PASSWORD}
    granted(nobody.post("/api/auth/register", json=registration), "to register a user")
    login = granted(nobody.post("/api/auth/login", json=credentials), "to log a user in").json()
    return EchoUser(login["user"]["id"], credentials["email"], PASSWORD, login["token"])


@pytest.fixture
def echo_client(echo_server: EchoServer, echo_user: EchoUser) -> EchoClient:
    """A client of the new account."""
    return EchoClient(echo_server, echo_user)


@pytest.fixture
def echo_openai(echo_client: EchoClient) -> Any:
    """OpenAI's own client with a key of the new account; skips the test where `openai` is not installed."""
    openai = pytest.importorskip("openai")
    made = granted(echo_client.post("/api/api-keys", json={"name": "tests"}), "to make a key")
    return openai.OpenAI(base_url=f"{echo_client.server.url}/v1", api_key=made.json()["key"])


def granted(answer: requests.Response, what: str) -> requests.Response:
    """The answer; what the server said fails the test if it has refused."""
    if not answer.ok:
        pytest.fail(f"Echo refuses {what}: {answer.status_code} {answer.text}", pytrace=False)
    return answer


def start(
    directory: Path, settings: Mapping[str, str], started: Callable[[subprocess.Popen[bytes]], None]
) -> EchoServer:
    """Start a server below a directory and wait until it is ready; fails the test where it does not become so."""
    ready, log = directory / "echo.ready", directory / "echo.log"
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    options = ("--port", "0", "--workers", "1", "--data-dir", str(directory / "data"))
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "echo", "serve", *options, "--ready-file", str(ready)],
            env={**inherited, **SETTINGS, **settings},
            cwd=directory,
            stdout=stderr,
            stderr=stderr,
        )
    started(process)
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Echo did not start:\n{log.read_text(errors='replace')[-4000:]}", pytrace=False)
        time.sleep(POLL_SECONDS)
    lines = dict(line.split("=", 1) for line in ready.read_text().splitlines())
    return EchoServer(lines["ECHO_URL"], log)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server, and with it its workers and its database."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
