"""A whole Echo whose database is stopped: it says how it is, and answers everything else with a 503, soon at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.server import RunningServer, start_server
from tests.support.stopped import stopped
from tests.support.waiting import PATIENCE, until

SECRET = "scrape me with this"
# Rate limits and sessions are asked of the database on the event loop's behalf: they hang as well.
ENVIRON = {"ECHO_DATABASE_SECONDS": "1", "ECHO_RATE_LIMITS": "on", "METRICS_SECRET": SECRET}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = start_server(tmp_path_factory.mktemp("hung"), environ=ENVIRON)
    yield running
    running.kill()


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    return server.sign_up("ada")


@pytest.fixture
def database(server: RunningServer, token: str) -> Iterator[int]:
    """The database's process, of a server that works."""
    until(lambda: works(server, token))
    yield server.databases()[0]
    until(lambda: works(server, token))


def works(server: RunningServer, token: str) -> bool:
    return server.get("/api/user", token).status_code == 200


def refused(answer: requests.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable") and answer.headers[
        "Retry-After"
    ].isdigit()


def anyone(server: RunningServer, path: str, **headers: str) -> requests.Response:
    return requests.get(server.url + path, headers=headers, timeout=PATIENCE)


def timed(work: Callable[[], Any]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


class TestWhileItHangs:
    def test_who_asks_how_the_server_is_waits_for_no_one(
        self, server: RunningServer, token: str, database: int
    ) -> None:
        with ThreadPoolExecutor(30) as pool, stopped(database):
            waiting = [pool.submit(server.get, "/api/user", token) for _ in range(20)]
            waiting += [pool.submit(server.get, "/api/convos", token) for _ in range(10)]
            health, metrics = [], []
            while not any(each.done() for each in waiting):
                health.append(anyone(server, "/health").text)
                metrics.append(anyone(server, "/metrics", Authorization=f"Bearer {SECRET}").status_code)
            # Before the first of those that hang was answered, although they hold every thread.
            assert len(health) > 2
            assert set(health) == {"OK"}
            assert set(metrics) == {200}
            assert all(refused(each.result()) for each in waiting)

    def test_the_readiness_names_it(self, server: RunningServer, database: int) -> None:
        with stopped(database):
            answer = anyone(server, "/ready")
            again = anyone(server, "/ready")
        for each in (answer, again):
            assert (each.status_code, each.json()["code"]) == (503, "not_ready")
            assert [error["field"] for error in each.json()["errors"]] == ["database"]
        assert until(lambda: anyone(server, "/ready").text == "database: ok\nfiles: ok\n")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "/api/convos", None),
            ("POST", "/api/messages/new", {"text": "meanwhile", "sender": "user"}),
            ("POST", "/api/auth/login", {"email": "ada@example.com", "password": "correct horse 1 battery"}),
            ("GET", "/v1/models", None),
        ],
    )
    def test_the_first_waits_for_the_limit_and_the_next_not_at_all(  # noqa: PLR0917 - pytest gives them by name
        self, server: RunningServer, token: str, database: int, method: str, path: str, body: Any
    ) -> None:
        def ask(bearer: str = token) -> requests.Response:
            headers = {"Authorization": f"Bearer {bearer}"}
            return requests.request(method, server.url + path, json=body, headers=headers, timeout=PATIENCE)

        bearer = "sk-" + "a" * 64 if path.startswith("/v1") else token
        with stopped(database):
            first = timed(lambda: ask(bearer))
            answers: list[requests.Response] = []
            ask(bearer)
            later = timed(lambda: answers.extend(ask(bearer) for _ in range(5)))
        assert all(refused(each) for each in answers)
        # Five that waited would take five times as long as the first.
        assert later < 2 * first


class TestAfterwards:
    def test_what_was_stored_is_there_and_what_was_not_is_not_half_there(
        self, server: RunningServer, token: str, database: int
    ) -> None:
        kept = server.post("/api/messages/new", token, {"text": "before", "sender": "user"})
        assert kept.status_code == 201
        with stopped(database):
            lost = server.post("/api/messages/new", token, {"text": "hanging", "sender": "user"})
            assert refused(lost)
        until(lambda: works(server, token))
        texts = server.all_texts(token)
        assert "before" in texts
        conversations = server.get("/api/convos", token).json()["conversations"]
        in_them = {
            message["text"]
            for each in conversations
            for message in server.get(f"/api/messages/{each['conversationId']}", token).json()
        }
        assert in_them == texts

    def test_every_file_that_is_listed_can_be_had(
        self, server: RunningServer, token: str, database: int
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with stopped(database):
            answer = requests.post(
                f"{server.url}/api/files",
                files={"file": ("note.txt", b"some words", "text/plain")},
                headers=headers,
                timeout=PATIENCE,
            )
            assert refused(answer)
        until(lambda: works(server, token))
        for each in server.get("/api/files", token).json():
            path = f"/api/files/download/{each['user']}/{each['file_id']}"
            assert server.get(path, token).content == b"some words"
