"""A real `echo-api serve`: processes, signals, and what survives them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import ClassVar

import pytest
import requests
import uvicorn
from uvicorn.supervisors import multiprocess

from echo.serving.config import ServerConfig
from echo.serving.supervisor import Supervisor
from echo.serving.worker import Worker
from echo.settings import load_settings
from tests.support.server import PASSWORD, RunningServer, children_of, command_of, start_server
from tests.support.threads import started_pool, together
from tests.support.waiting import PATIENCE, eventually, within


@dataclass
class Lasting:
    """One data directory, and the server on it: a test that ends its server leaves the next one to start another."""

    directory: Path
    environ: dict[str, str]
    server: RunningServer | None = None

    def running(self, *, workers: int = 1, port: int = 0) -> RunningServer:
        """The server that runs with so many workers, or a new one."""
        if self.server is None or len(self.server.workers()) != workers:
            self.end()
            self.server = start_server(self.directory, workers=workers, port=port, environ=self.environ)
        return self.server

    def end(self) -> None:
        if self.server is not None:
            self.server.kill()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    """For the tests that stop and kill: a start takes six seconds of the processor, so they have few."""
    directory = tmp_path_factory.mktemp("lasting")
    found = Lasting(directory, {"METRICS_SECRET": "s" * 40, "TMPDIR": str(directory)})
    yield found
    found.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server with two workers, for all tests that leave it as it is; the last one stops it."""
    directory = tmp_path_factory.mktemp("shared")
    (directory / "librechat.yaml").write_text("version: 1.3.5\ncache: true\nregistraton: {}\n")
    (directory / ".env").write_text(
        "MEILI_HOST=http://meili:7700\nAPP_TITLE=From the file\nECHO_RATE_LIMIT=on\n"
    )
    server = start_server(directory, workers=2)
    yield server
    server.kill()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def run_serve(
    directory: Path, environ: dict[str, str], data_dir: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `echo-api serve` where it will not start, with this environment only."""
    return subprocess.run(
        [sys.executable, "-m", "echo", "serve", "--data-dir", str(data_dir or directory)],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def exchange(url: str, request: str) -> bytes:
    """All that a server sends for a request in these very bytes, until it closes the connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


class TestOnTheWire:
    def test_http10_gets_no_chunks_and_a_head_no_body(self, shared: RunningServer) -> None:
        server = shared
        token = server.sign_up("wim")
        bearer = f"Host: echo\r\nAuthorization: Bearer {token}\r\n"

        export = exchange(server.url, f"GET /api/convos/export HTTP/1.0\r\n{bearer}\r\n")
        head, _, body = export.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"transfer-encoding" not in head.lower()
        assert b"connection: close" in head.lower()
        assert body.startswith((b"[", b"{", b"PK"))
        export = exchange(server.url, f"GET /api/convos/export HTTP/1.1\r\nConnection: close\r\n{bearer}\r\n")
        assert b"transfer-encoding: chunked" in export.lower()

        # The connection stays open after a HEAD, and the next answer on it is where it should be.
        both = exchange(
            server.url,
            f"HEAD /api/user HTTP/1.1\r\n{bearer}\r\nGET /health HTTP/1.1\r\nConnection: close\r\n{bearer}\r\n",
        )
        first, second, rest = both.split(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 200 ")
        assert second.startswith(b"HTTP/1.1 200 ")
        assert rest == b"OK"
        assert "Exception" not in server.log.read_text()


class TestStart:
    def test_serves_out_of_the_box_with_two_workers(self, shared: RunningServer) -> None:
        assert len(shared.workers()) == 2
        assert requests.get(f"{shared.url}/health", timeout=PATIENCE).text == "OK"
        ready = requests.get(f"{shared.url}/ready", timeout=PATIENCE)
        assert ready.status_code == 200
        assert "database" in ready.text

    def test_names_the_address_that_the_system_chose(self, shared: RunningServer) -> None:
        document = requests.get(f"{shared.url}/openapi.json", timeout=PATIENCE).json()
        assert document["servers"][0]["url"] == shared.url.replace("127.0.0.1", "localhost")

    @pytest.mark.parametrize(
        ("environ", "named"),
        [
            ({"PORT": "many"}, "PORT"),
            ({"JWT_SECRET": "short"}, "JWT_SECRET"),
            ({"MONGO_URI": "mongodb://127.0.0.1:1/x"}, "JWT_SECRET"),
        ],
    )
    def test_a_bad_setting_is_named_in_one_sentence(
        self, environ: dict[str, str], named: str, tmp_path: Path
    ) -> None:
        run = run_serve(tmp_path, environ)
        assert run.returncode == 78
        assert named in run.stderr
        assert "Traceback" not in run.stderr
        assert len(run.stderr.strip().splitlines()) == 1

    def test_every_fault_of_a_librechat_yaml_is_named_in_a_line(self, tmp_path: Path) -> None:
        (tmp_path / "librechat.yaml").write_text("version: 1.3.5\nbalance: {enabled: yes}\ninterface: 5\n")
        run = run_serve(tmp_path, {})
        assert run.returncode == 78
        assert run.stderr.splitlines() == [
            "echo-api: librechat.yaml, line 2: balance.enabled must be true or false.",
            "librechat.yaml, line 3: interface must hold keys with values.",
        ]

    def test_reads_the_files_of_its_directory(self, shared: RunningServer) -> None:
        config = requests.get(f"{shared.url}/api/config", timeout=PATIENCE).json()
        assert config["appTitle"] == "From the file"

    def test_a_taken_port_is_named_in_one_sentence(self, shared: RunningServer, tmp_path: Path) -> None:
        port = shared.url.rpartition(":")[2]
        # Its data directory as well, whose database it joins: what must be free is the port.
        data_dir = shared.log.parent / "data"
        run = run_serve(tmp_path, {"ECHO_LOG_LEVEL": "error", "PORT": port}, data_dir)
        assert run.returncode == 69
        assert run.stderr == f"echo-api: Port {port} on 127.0.0.1 cannot be used: Address already in use.\n"

    def test_a_database_that_does_not_answer_stops_the_start(self, tmp_path: Path) -> None:
        environ = {
            "MONGO_URI": "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=300",
            "JWT_SECRET": "q7Wz0pLk" * 5,
            "JWT_REFRESH_SECRET": "z9Xy1mNb" * 5,
        }
        run = run_serve(tmp_path, environ)
        assert run.returncode == 69
        assert "Traceback" not in run.stderr


class TestKill:
    def test_of_a_worker_is_noticed(self, lasting: Lasting) -> None:
        server = lasting.running(workers=2)
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        assert eventually(lambda: len(server.workers()) == 2 and before[0] not in server.workers())
        assert eventually(server.healthy)

    def test_of_the_database_is_noticed(self, lasting: Lasting) -> None:
        server = lasting.running(workers=2)
        token = server.sign_up("dan")
        [database] = server.databases()
        os.kill(database, signal.SIGKILL)
        assert eventually(lambda: server.databases() not in ([], [database]))
        assert eventually(lambda: server.get("/api/convos", token).ok)

    def test_of_echo_under_load_loses_no_acknowledged_write(self, lasting: Lasting) -> None:
        server = lasting.running(workers=2)
        token = server.sign_up("ada")
        acknowledged: list[str] = []
        stop = threading.Event()

        def write(number: int) -> None:
            count = 0
            while not stop.is_set():
                text = f"writer {number} message {count}"
                try:
                    answer = server.post(
                        f"/api/messages/thread-{number}", token, {"text": text, "sender": "user"}
                    )
                except requests.RequestException:
                    return
                if answer.ok:
                    acknowledged.append(text)
                count += 1

        with started_pool(6) as pool:
            for number in range(6):
                pool.submit(write, number)
            assert eventually(lambda: len(acknowledged) > 60)
            orphans = children_of(server.process.pid)
            os.killpg(server.process.pid, signal.SIGKILL)
            stop.set()
        server.process.wait()
        assert eventually(lambda: not any(alive(pid) for pid in orphans)), "a worker or the database lives on"
        again = lasting.running(workers=2)
        stored = again.all_texts(token)
        assert len(acknowledged) > 60
        assert set(acknowledged) <= stored


def tree_of(pid: int) -> set[int]:
    """A process and all that descend from it."""
    return {pid}.union(*(tree_of(child) for child in children_of(pid)))


class TestKillOfOneProcess:
    """`kill -9` of each process of the tree, alone: nothing is left that holds the port or the data."""

    def test_of_the_master_ends_all_others_and_frees_the_port(self, lasting: Lasting) -> None:
        server = lasting.running(workers=2)
        token = server.sign_up("eve")
        tree = tree_of(server.process.pid)
        assert len(tree) >= 6, "master, what forks, two workers, the database, multiprocessing's tracker"
        # Where all were killed at once before, theirs is still there.
        counts = max(lasting.directory.glob("echo-metrics-*"), key=lambda found: found.stat().st_ctime)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert eventually(lambda: not any(alive(pid) for pid in tree))
        assert not counts.exists()
        again = lasting.running(port=int(server.url.rpartition(":")[2]))
        assert again.url == server.url
        assert again.get("/api/user", token).json()["email"] == "eve@example.com"

    def test_of_the_master_lets_a_request_under_way_end(self, lasting: Lasting) -> None:
        server = lasting.running()
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        worker = server.workers()[0]
        with socket.create_connection(address, timeout=PATIENCE) as client:
            # The worker knows of it when it says that it may go on.
            client.sendall(b"POST /api/auth/login HTTP/1.1\r\nHost: echo\r\nExpect: 100-continue\r\n")
            client.sendall(b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n")
            assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
            assert eventually(lambda: not server.healthy())
            client.sendall(b"{}")
            assert client.recv(12) == b"HTTP/1.1 400"
        assert eventually(lambda: not alive(worker))

    def test_of_the_tracker_harms_nobody(self, lasting: Lasting) -> None:
        server = lasting.running()
        known = {*server.workers(), *server.databases()}
        [tracker] = [pid for pid in children_of(server.process.pid) if "resource_tracker" in command_of(pid)]
        os.kill(tracker, signal.SIGKILL)
        os.kill(server.workers()[0], signal.SIGKILL)
        assert eventually(lambda: bool(set(server.workers()) - known))
        assert eventually(server.healthy)
        assert server.stop(signal.SIGTERM) == 0

    def test_of_what_workers_are_forked_from_replaces_them(self, lasting: Lasting) -> None:
        server = lasting.running(workers=2)
        before = set(server.workers())
        assert len(before) == 2
        [nursery] = [pid for pid in children_of(server.process.pid) if "forkserver" in command_of(pid)]
        os.kill(nursery, signal.SIGKILL)
        # The master does not see them any more, so they may not go on beside those that it starts.
        assert eventually(lambda: not any(alive(pid) for pid in before))
        assert eventually(lambda: len(server.workers()) == 2)
        assert eventually(server.healthy)


class TestTwoProcesses:
    def test_refreshes_at_once_over_both_leave_everybody_logged_in(self, shared: RunningServer) -> None:
        shared.sign_up("cyd")
        credentials = {"email": "cyd@example.com", "password": PASSWORD}
        cookie = shared.post("/api/auth/login", None, credentials).cookies["refreshToken"]

        def refresh(_number: int) -> requests.Response:
            # A connection of its own each, which either worker may take.
            headers = {"Cookie": f"refreshToken={cookie}"}
            return requests.post(f"{shared.url}/api/auth/refresh", headers=headers, timeout=PATIENCE)

        for _ in range(15):
            answers = together(refresh)
            assert {answer.status_code for answer in answers} == {200}
            [successor] = {answer.cookies["refreshToken"] for answer in answers}
            assert successor != cookie
            tokens = {answer.json()["token"] for answer in answers}
            assert all(shared.get("/api/user", token).ok for token in tokens)
            cookie = successor

    def test_logging_out_ends_both_tokens_in_every_process(self, shared: RunningServer) -> None:
        token = shared.sign_up("ada")
        headers = {"Authorization": f"Bearer {token}"}

        def seen() -> set[int]:
            # Connections are opened anew, so that both workers are asked.
            url = f"{shared.url}/api/user"
            return {requests.get(url, headers=headers, timeout=PATIENCE).status_code for _ in range(20)}

        assert seen() == {200}
        assert requests.post(f"{shared.url}/api/auth/logout", headers=headers, timeout=PATIENCE).ok
        assert within(lambda: seen() == {401}, 5)
        # And stays so: one of the two could have been left out.
        assert seen() == {401}

    def test_logs_are_json_with_request_ids_and_no_secrets(self, shared: RunningServer) -> None:
        token = shared.sign_up("bob")
        requests.get(
            f"{shared.url}/api/user",
            headers={"Authorization": f"Bearer {token}", "X-Request-Id": "look-for-me"},
            timeout=PATIENCE,
        )

        def written() -> list[dict[str, object]]:
            # Two workers write: only what ends with a line's end is whole.
            return [json.loads(line) for line in shared.log.read_text().splitlines(True) if line[-1] == "\n"]

        assert eventually(
            lambda: any(
                line.get("request_id") == "look-for-me" and line.get("status") == 200 for line in written()
            )
        )
        text = shared.log.read_text()
        assert token not in text
        assert "correct horse" not in text


class TestHangup:
    def test_replaces_the_workers_and_serves_on(self, shared: RunningServer) -> None:
        before = set(shared.workers())
        shared.process.send_signal(signal.SIGHUP)
        replaced = eventually(lambda: len(shared.workers()) == 2 and not before & set(shared.workers()))
        assert replaced, shared.log.read_text()
        # One that is busy is waited for; that nobody listens is an error.
        assert requests.get(f"{shared.url}/health", timeout=PATIENCE).ok


class TestStop:
    def test_finishes_requests_under_way_and_a_restart_keeps_the_keys(self, lasting: Lasting) -> None:
        token = lasting.running().sign_up("kay")
        secrets_file = next(lasting.directory.rglob("secrets.json"))
        assert secrets_file.stat().st_mode & 0o077 == 0
        self._stops(lasting.running(), signal.SIGTERM, token)
        second = lasting.running()
        assert second.get("/api/user", token).json()["email"] == "kay@example.com"
        self._stops(second, signal.SIGINT, token)

    @staticmethod
    def _stops(server: RunningServer, how: signal.Signals, token: str) -> None:
        address, body = (
            server.url.removeprefix("http://"),
            b'{"text": "begun and finished", "sender": "user"}',
        )
        with closing(HTTPConnection(address, timeout=PATIENCE)) as connection:
            connection.putrequest("POST", "/api/messages/slow-one")
            connection.putheader("Authorization", f"Bearer {token}")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
            connection.putheader("Expect", "100-continue")
            connection.endheaders(body[:15])
            # It says so when it begins to read the body.
            assert connection.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
            server.process.send_signal(how)
            assert eventually(lambda: not server.healthy())
            connection.send(body[15:])
            assert connection.getresponse().status in (200, 201)
        assert server.process.wait(PATIENCE) == 0

    def test_leaves_no_process_behind_and_no_traceback(self, shared: RunningServer) -> None:
        processes = children_of(shared.process.pid)
        assert len(processes) >= 3
        assert shared.stop(signal.SIGTERM) == 0
        assert eventually(lambda: not any(alive(pid) for pid in processes))
        assert "Traceback" not in shared.log.read_text()
        # Once, whatever the number of workers, and of those that took their places.
        lines = [json.loads(line) for line in shared.log.read_text().splitlines()]
        assert [line["notice"] for line in lines if "notice" in line] == [
            "librechat.yaml, line 3: registraton is not a key that is known here; did you mean registration?",
            "librechat.yaml: without effect in Echo: cache.",
            "ECHO_RATE_LIMIT is set, and is no setting of Echo's; did you mean ECHO_RATE_LIMITS?",
            "Set, and without effect in Echo: MEILI_HOST.",
        ]


class SlowServer:
    """In place of uvicorn's: slow to make, so that two threads which ask for one at once make two."""

    made: ClassVar[list["SlowServer"]] = []

    def __init__(self, config: uvicorn.Config) -> None:
        time.sleep(0.2)
        self.started = False
        self.made.append(self)

    def run(self, sockets: list[socket.socket] | None) -> None:
        self.started = True


class DeafWorker(Worker):
    """A worker that never hears its master's SIGTERM, as one whose event loop is stuck."""

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.child_conn.send(True)
        threading.Event().wait()


class TestWorker:
    def test_that_does_not_stop_in_its_time_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("echo.serving.worker.GRACEFUL_SECONDS", 0)
        monkeypatch.setattr("echo.serving.worker.STUCK_SECONDS", 0.1)
        worker = DeafWorker(uvicorn.Config("not.loaded"), [])
        worker.start()
        assert worker.parent_conn.poll(PATIENCE)
        worker.terminate()
        worker.join()
        assert worker.exitcode == -signal.SIGKILL

    def test_has_one_server_which_its_master_asks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(multiprocess, "Server", SlowServer)
        monkeypatch.setattr(SlowServer, "made", [])
        limits = load_settings({}).connections
        worker = Worker(ServerConfig("not.loaded", limits=limits, largest_body=1), [])
        worker.parent_conn.send(b"ping")
        worker.target([])
        assert eventually(worker.is_ready)
        assert len(SlowServer.made) == 1

    def test_is_what_the_supervisor_starts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Worker, "start", lambda worker: None)
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        supervisor = Supervisor(uvicorn.Config("not.loaded", workers=2), sockets=[], embedded=None)
        supervisor.init_processes()
        assert [type(process) for process in supervisor.processes] == [Worker, Worker]
