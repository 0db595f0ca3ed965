"""A real Echo in processes of its own, for tests of what only those show."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.waiting import PATIENCE

PASSWORD = "correct horse 1 battery"
# Two servers that start at once on a busy machine take a third of it.
START_SECONDS = 2 * PATIENCE


@dataclass
class RunningServer:
    """A started server; `log` is what it wrote to stderr."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, path: str, token: str, **params: Any) -> requests.Response:
        return requests.get(
            self.url + path, params=params, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
        )

    def post(self, path: str, token: str | None, body: dict[str, Any]) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.post(self.url + path, json=body, headers=headers, timeout=PATIENCE)

    def sign_up(self, name: str) -> str:
        """Register and log in; the access token."""
        answer = register(self.url, name)
        assert answer.status_code == 201, answer.text
        credentials = {"email": f"{name}@example.com", "password": PASSWORD}
        login = self.post("/api/auth/login", None, credentials)
        assert login.status_code == 200, login.text
        return str(login.json()["token"])

    def all_texts(self, token: str) -> set[str]:
        """The texts of all messages of a user, page by page."""
        texts: set[str] = set()
        cursor: str | None = None
        while True:
            params = {"pageSize": 100} | ({"cursor": cursor} if cursor else {})
            page = self.get("/api/messages", token, **params).json()
            texts |= {message["text"] for message in page["messages"]}
            cursor = page.get("nextCursor")
            if not cursor:
                return texts

    def healthy(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=2).ok
        except requests.RequestException:
            return False

    def stop(self, how: signal.Signals) -> int:
        """Ask the server to stop; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=START_SECONDS)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def workers(self) -> list[int]:
        forked = [pid for nursery in self._children("forkserver") for pid in children_of(nursery)]
        # Where no process can be forked from one, as in a directory for temporary files with a long path.
        return forked or self._children("spawn_main")

    def databases(self) -> list[int]:
        return self._children("mongod")

    def _children(self, needle: str) -> list[int]:
        # Of one that has died nothing is left of its command: it is found no more.
        return [pid for pid in children_of(self.process.pid) if needle in command_of(pid)]


def children_of(pid: int) -> set[int]:
    """The processes that one has started, read from the kernel: tests ask for them fifty times a second."""
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # Behind the name, which may hold anything: the state, and the parent.
            if int((process / "stat").read_bytes().rpartition(b")")[2].split()[1]) == pid:
                found.add(int(process.name))
    return found


def command_of(pid: int) -> str:
    """The command line of a process; nothing for one that has died."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def register(
    url: str, name: str, headers: dict[str, str] | None = None, password: str = PASSWORD
) -> requests.Response:
    """The answer to a user's registration at a server."""
    registration = {"name": name, "email": f"{name}@example.com"}
    registration |= {"password": password, "confirm_password": password}
    return requests.post(f"{url}/api/auth/register", json=registration, headers=headers, timeout=PATIENCE)


def start_server(
    directory: Path,
    *,
    workers: int = 1,
    port: int = 0,
    environ: dict[str, str] | None = None,
    command: tuple[str, ...] = (sys.executable, "-m", "echo"),
) -> RunningServer:
    """Start `echo-api serve` (on port 0: a free one) with its data under the directory; wait until it answers."""
    log = directory / f"echo-{time.monotonic_ns()}.log"
    inherited = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE")
    }
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [
                *command,
                "serve",
                "--port",
                str(port),
                "--workers",
                str(workers),
                "--data-dir",
                str(directory / "data"),
            ],
            env={
                **inherited,
                "ECHO_OFFLINE_MODEL": "off",
                "ECHO_RATE_LIMITS": "off",
                "ECHO_LOG_FORMAT": "json",
                **(environ or {}),
            },
            cwd=directory,
            stderr=stderr,
            start_new_session=True,
        )
    server = RunningServer(process, "", log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r'"url":\s*"(http://[^"]+)"', log.read_text()):
            server.url = found[1]
            if server.healthy():
                return server
        time.sleep(0.1)
    server.kill()
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
