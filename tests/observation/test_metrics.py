"""GET /metrics: what it counts, who may read it, and that nothing a client sends becomes a label."""

import json
import os
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from echo.app import assemble
from echo.observation import metrics
from echo.observation.metrics.allocated import AllocatedDict
from tests.conftest import PASSWORD, Client, make_settings
from tests.support.asgi import QuickClient
from tests.support.contract import ProjectChecker
from tests.support.loopback import answer_with, provider
from tests.support.providers import openai_server
from tests.support.server import RunningServer, start_server
from tests.support.small_disk import fill, small_disk
from tests.support.waiting import PATIENCE, eventually
from tests.transfer.conftest import sample

SECRET = "scrape me with this"
BEARER = {"Authorization": f"Bearer {SECRET}"}
Make = Callable[..., Client]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """What a Prometheus would read."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found: Samples, name: str, **labels: str) -> float:
    """The sum over all samples with these labels among theirs."""
    return sum(
        value for (each, given), value in found.items() if each == name and labels.items() <= set(given)
    )


class Scraped:
    """A client that knows what was counted since it was made: other tests of the process count too."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._before = self.now()

    def now(self) -> Samples:
        answer = self.client.get("/metrics", headers=BEARER)
        assert answer.status_code == 200, answer.text
        return samples(answer.text)

    def counted(self, name: str, **labels: str) -> float:
        return total(self.now(), name, **labels) - total(self._before, name, **labels)


@pytest.fixture(scope="module")
def secret_echo(application_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An Echo whose counts are for those who know the secret."""
    settings = make_settings(application_uri, tmp_path_factory.mktemp("data"), METRICS_SECRET=SECRET)
    with QuickClient(
        assemble(settings).asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000)
    ) as http:
        yield http


@pytest.fixture
def secretive(secret_echo: TestClient, checker: ProjectChecker) -> Client:
    """An anonymous client of it."""
    return Client(secret_echo, checker)


@pytest.fixture
def scraped(make_application: Make) -> Scraped:
    # One of its own: of several in a process, only the newest says what is under way.
    return Scraped(make_application(METRICS_SECRET=SECRET))


class TestWhoMayRead:
    def test_nobody_without_the_secret(self, secretive: Client) -> None:
        answer = secretive.get("/metrics")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")

    @pytest.mark.parametrize(
        "value",
        [
            f"Bearer {SECRET}x",
            "Bearer",
            "Bearer ",
            f"Basic {SECRET}",
            SECRET,
            "Bearer \xe9\xff",
            "Bearer null",
        ],
    )
    def test_nobody_with_another_one(self, secretive: Client, value: str) -> None:
        answer = secretive.get("/metrics", headers={"Authorization": value.encode("latin-1")})
        assert answer.status_code == 401

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
    def test_whoever_has_it(self, secretive: Client, scheme: str) -> None:
        answer = secretive.get("/metrics", headers={"Authorization": f"{scheme} {SECRET}"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"

    def test_a_secret_in_any_script_works(self, make_application: Make) -> None:
        client = make_application(METRICS_SECRET="schlüssel-ключ")
        answer = client.get("/metrics", headers={"Authorization": "Bearer schlüssel-ключ".encode()})
        assert answer.status_code == 200

    @pytest.mark.parametrize("value", ["Bearer ", "Bearer None", f"Bearer {SECRET}"])
    def test_nobody_where_none_is_set(self, make_application: Make, value: str) -> None:
        assert make_application().get("/metrics", headers={"Authorization": value}).status_code == 401

    def test_no_user(self, secretive: Client, ada: Any) -> None:
        assert secretive.get("/metrics", headers=ada.headers).status_code == 401

    def test_the_secret_is_no_access_token(self, secretive: Client) -> None:
        assert secretive.get("/api/user", headers=BEARER).status_code == 401


class TestRequests:
    def test_are_counted_by_operation_method_and_status(self, scraped: Scraped) -> None:
        for _ in range(3):
            scraped.client.get("/health")
        scraped.client.request("HEAD", "/health")
        scraped.client.get("/api/user")
        for name in ("http_requests_total", "http_request_duration_seconds_count"):
            assert scraped.counted(name, operation="get_health", method="GET", status="200") == 3
            assert scraped.counted(name, operation="get_health", method="HEAD", status="200") == 1
            assert scraped.counted(name, operation="get_current_user", path="/api/user", status="401") == 1

    def test_are_timed(self, scraped: Scraped) -> None:
        scraped.client.get("/ready")
        labels = {"operation": "get_ready", "status": "200"}
        assert 0 < scraped.counted("http_request_duration_seconds_sum", **labels) < 10
        assert scraped.counted("http_request_duration_seconds_bucket", le="+Inf", **labels) == 1

    def test_of_the_scrape_itself_are_under_way(self, scraped: Scraped) -> None:
        assert total(scraped.now(), "http_requests_in_flight", operation="get_metrics") == 1
        assert total(scraped.now(), "http_requests_in_flight", operation="get_health") == 0

    def test_that_the_contract_does_not_know_share_one_label(self, scraped: Scraped) -> None:
        for number in range(5):
            scraped.client.get(f"/made-up-{number}")
        scraped.client.request("BREW", "/made-up")
        scraped.client.request("BREW", "/api/user")
        scraped.client.get("/api/convos/%ff")
        unknown = {"operation": "unknown", "path": "unknown", "method": "unknown"}
        assert scraped.counted("http_requests_total", status="404", **unknown) == 6
        assert scraped.counted("http_requests_total", status="405", **unknown) == 1
        assert scraped.counted("http_requests_total", status="400", **unknown) == 1

    def test_never_show_what_a_client_sent(self, scraped: Scraped) -> None:
        canary = "canary0815"
        scraped.client.get(f"/api/messages/{canary}?cursor={canary}", headers={"User-Agent": canary})
        scraped.client.request(canary.upper(), f"/{canary}", headers={"Authorization": f"Bearer {canary}"})
        text = scraped.client.get("/metrics", headers=BEARER).text
        assert canary not in text.lower()
        assert SECRET not in text


class TestDatabase:
    def test_commands_are_timed_by_name_and_collection(self, scraped: Scraped) -> None:
        sign_up(scraped.client, "metrics-db@example.com")
        name = "echo_mongodb_command_duration_seconds_count"
        assert scraped.counted(name, command="insert", collection="users", outcome="ok") >= 1
        assert scraped.counted(name, command="find", collection="users", outcome="ok") >= 1
        assert scraped.counted("echo_mongodb_command_duration_seconds_sum", command="find") > 0

    def test_no_value_of_a_command_is_shown(self, scraped: Scraped) -> None:
        sign_up(scraped.client, "metrics-canary@example.com")
        assert "canary" not in scraped.client.get("/metrics", headers=BEARER).text


class TestLimits:
    def test_refusals_are_counted_by_limit(self, make_application: Make) -> None:
        limits = {"ECHO_RATE_LIMITS": "on", "TRUST_PROXY": "1", "LOGIN_MAX": "2", "METRICS_SECRET": SECRET}
        scraped = Scraped(make_application(**limits))
        body = {"email": "metrics-limit@example.com", "password": "not the password"}
        for _ in range(4):
            scraped.client.post("/api/auth/login", json=body, headers={"X-Forwarded-For": "2001:db8::77"})
        assert scraped.counted("echo_rate_limit_refusals_total", limit="login_ip") == 2


class TestProviders:
    @pytest.mark.parametrize(("status", "outcome"), [(200, "ok"), (429, "busy"), (500, "failed")])
    def test_calls_are_timed_by_outcome(self, make_application: Make, status: int, outcome: str) -> None:
        answer = {"choices": [{"message": {"content": "A title"}}]}
        with provider(answer_with(answer, status=status)) as running:
            scraped = Scraped(
                make_application(
                    METRICS_SECRET=SECRET,
                    OPENAI_API_KEY="sk-x",
                    OPENAI_REVERSE_PROXY=running.url,
                    TITLE_CONVO="true",
                )
            )
            sign_up(scraped.client, f"metrics-title-{status}@example.com")
            posted = scraped.client.post("/api/messages/new", json={"text": "hello", "sender": "user"}).json()
            body = {"conversationId": posted["conversationId"]}
            assert scraped.client.post("/api/convos/gen_title", json=body).is_success
        labels = {"provider": "openAI", "call": "title", "outcome": outcome}
        assert scraped.counted("echo_provider_call_duration_seconds_count", **labels) == 1


class TestJobs:
    def test_are_counted_while_they_run_and_when_they_have_ended(self, scraped: Scraped) -> None:
        with metrics.jobs.running("import"):
            metrics.jobs.progressed("import", 7)
            assert total(scraped.now(), "echo_jobs_running", job="import") == 1
        assert total(scraped.now(), "echo_jobs_running", job="import") == 0
        assert scraped.counted("echo_job_duration_seconds_count", job="import", outcome="ok") == 1
        assert scraped.counted("echo_job_items_total", job="import") == 7

    def test_an_import_and_an_export_are_some(self, scraped: Scraped) -> None:
        sign_up(scraped.client, "metrics-jobs@example.com")
        file = {"file": ("claude.json", json.dumps(sample("claude.json")), "application/json")}
        assert scraped.client.post("/api/convos/import", files=file).status_code == 201
        assert scraped.client.get("/api/convos/export").status_code == 200
        for job in ("import", "export"):
            assert scraped.counted("echo_job_duration_seconds_count", job=job, outcome="ok") == 1
        assert scraped.counted("echo_job_items_total", job="import") == 2

    def test_a_chat_is_one(self, make_application: Make) -> None:
        with openai_server() as running:
            scraped = Scraped(
                make_application(
                    METRICS_SECRET=SECRET,
                    OPENAI_API_KEY="sk-x",
                    OPENAI_REVERSE_PROXY=running.url,
                    OPENAI_MODELS="gpt-4o",
                    TITLE_CONVO="false",
                )
            )
            sign_up(scraped.client, "metrics-chat@example.com")
            body = {"text": "hello", "endpoint": "openAI", "model": "gpt-4o"}
            started = scraped.client.post("/api/agents/chat/openAI", json=body).json()
            stream = scraped.client.get(f"/api/agents/chat/stream/{started['streamId']}")
            assert '"final":true' in stream.text
        assert scraped.counted("echo_job_duration_seconds_count", job="chat", outcome="ok") == 1

    @pytest.mark.parametrize(("error", "outcome"), [(ValueError, "failed"), (KeyboardInterrupt, "stopped")])
    def test_that_fail_or_are_stopped_say_so(
        self, scraped: Scraped, error: type[BaseException], outcome: str
    ) -> None:
        with pytest.raises(error), metrics.jobs.running("export"):
            raise error
        assert scraped.counted("echo_job_duration_seconds_count", job="export", outcome=outcome) == 1


class TestProcess:
    def test_shows_memory_processor_time_and_workers(self, scraped: Scraped) -> None:
        found = scraped.now()
        assert total(found, "process_resident_memory_bytes") > 10_000_000
        assert total(found, "process_cpu_seconds_total") > 0
        assert total(found, "echo_workers") == 1


def sign_up(client: Client, email: str) -> None:
    """Register, log in, and stay logged in."""
    body = {"name": "m", "email": email, "password": PASSWORD, "confirm_password": PASSWORD}
    assert client.post("/api/auth/register", json=body).is_success
    login = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).json()
    client.headers = {"Authorization": f"Bearer {login['token']}"}


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the server's temporary files."""
    return tmp_path_factory.mktemp("counts")


@pytest.fixture(scope="module")
def server(counts: Path) -> Iterator[RunningServer]:
    running = start_server(counts, workers=2, environ={"METRICS_SECRET": SECRET, "TMPDIR": str(counts)})
    yield running
    running.kill()


class TestSeveralWorkers:
    """Each counts another operation: they share a server, which the last one stops."""

    def _scrape(self, server: RunningServer) -> Samples:
        answer = requests.get(f"{server.url}/metrics", headers=BEARER, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return samples(answer.text)

    def _eventually(self, server: RunningServer, name: str, expected: float, **labels: str) -> bool:
        def is_so() -> bool:
            # What a killed worker had not taken from its socket yet is lost to its client.
            with suppress(requests.ConnectionError):
                return total(self._scrape(server), name, **labels) == expected
            return False

        return eventually(is_so)

    def _shows_its_workers(self, server: RunningServer) -> bool:
        """Whether each worker, and no other, has said how it is; each does so by and by."""
        found = self._scrape(server)
        pids = {dict(labels)["pid"] for name, labels in found if name == "process_resident_memory_bytes"}
        return pids == {str(pid) for pid in server.workers()} and total(found, "echo_workers") == 2

    def test_are_counted_together_whichever_answers(self, server: RunningServer) -> None:
        # A connection for each, so that both workers get some.
        for _ in range(40):
            assert requests.get(f"{server.url}/docs", timeout=PATIENCE).ok
        assert self._eventually(server, "http_requests_total", 40, operation="get_docs", status="200")
        # It stays so, whichever of the two is asked, when each has counted anew.
        for _ in range(40):
            assert requests.get(f"{server.url}/openapi.json", timeout=PATIENCE).ok
        assert self._eventually(server, "http_requests_total", 40, operation="get_openapi")
        seen = {total(self._scrape(server), "http_requests_total", operation="get_docs") for _ in range(10)}
        assert seen == {40}
        assert eventually(lambda: self._shows_its_workers(server))

    def test_a_dead_worker_is_forgotten_but_not_what_it_counted(self, server: RunningServer) -> None:
        for _ in range(20):
            assert requests.get(f"{server.url}/api/config", timeout=PATIENCE).ok
        assert self._eventually(server, "http_requests_total", 20, operation="get_config")
        assert eventually(lambda: self._shows_its_workers(server))
        os.kill(server.workers()[0], signal.SIGKILL)
        assert self._eventually(server, "echo_worker_starts_total", 3)
        assert eventually(lambda: self._shows_its_workers(server))
        assert total(self._scrape(server), "http_requests_total", operation="get_config") == 20

    def test_leave_no_files_behind(self, server: RunningServer, counts: Path) -> None:
        [directory] = counts.glob("echo-metrics-*")
        assert directory.stat().st_mode & 0o077 == 0
        assert server.stop(signal.SIGTERM) == 0
        assert not directory.exists()
        assert not re.search("Traceback", server.log.read_text())


class TestWithoutRoom:
    """The library's own files end a worker there, and each that takes its place."""

    def test_workers_serve_on_and_start_anew(self, tmp_path: Path) -> None:
        environ = {
            "METRICS_SECRET": SECRET,
            "TMPDIR": str(tmp_path / "tmp"),
            "XDG_RUNTIME_DIR": tempfile.gettempdir(),
        }
        with small_disk(tmp_path / "tmp") as mounted:
            if not mounted:
                pytest.skip("only root can mount a file system")
            server = start_server(tmp_path, environ=environ)
            try:
                fill(tmp_path / "tmp")
                worker = server.workers()[0]
                self._asks_all_kinds(server)
                assert server.workers() == [worker]
                os.kill(worker, signal.SIGKILL)
                assert eventually(lambda: server.workers() not in ([], [worker]) and server.healthy())
                self._asks_all_kinds(server)
                (tmp_path / "tmp" / "filling").unlink()
                answer = requests.get(f"{server.url}/metrics", headers=BEARER, timeout=PATIENCE)
                assert answer.status_code == 200
            finally:
                server.kill()

    @staticmethod
    def _asks_all_kinds(server: RunningServer) -> None:
        """Each with another series of counts."""
        for path, status in (("/health", 200), ("/docs", 200), ("/api/config", 200), ("/api/user", 401)):
            assert requests.get(server.url + path, timeout=PATIENCE).status_code == status

    def test_what_was_counted_meanwhile_is_written_later(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "counts") as mounted:
            if not mounted:
                pytest.skip("only root can mount a file system")
            counts = AllocatedDict(str(tmp_path / "counts" / "counter_1.db"))
            counts.write_value("first", 1.0, 0.0)
            fill(tmp_path / "counts")
            # More than its first room.
            for number in range(5000):
                counts.write_value(f"series {number}", number, 0.0)
            assert counts.read_value("first") == (1.0, 0.0)
            assert counts.read_value("series 4999") == (0.0, 0.0)
            (tmp_path / "counts" / "filling").unlink()
            counts.write_value("series 4999", 4999.0, 0.0)
            counts.close()
            read = AllocatedDict.read_all_values_from_file(str(tmp_path / "counts" / "counter_1.db"))
            found = {key.strip(): value for key, value, _, _ in read}
        assert found["first"] == 1.0
        assert found["series 4999"] == 4999.0
