"""Completions of callers who may not be here any more: banned, deleted, logged out, with a key that was deleted."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from echo.accounts.erasure import AccountEraser
from echo.app import Application, assemble
from echo.files import FileStore
from storage.core.database import Database
from storage.operator.erasure import Erasure
from tests.cli.conftest import KEYS, CommandLine
from tests.completions.conftest import events
from tests.conftest import MakeUser, UserClient, make_settings
from tests.support.providers import ProviderServer, Reply, openai_server
from tests.support.streams import listening
from tests.support.waiting import eventually

# Three seconds for what the guards remember, two between looks; and some for a busy machine.
FELT_SECONDS = 5 + 2


@dataclass
class Two:
    """Two servers on one database, and their provider, whose model speaks for a minute."""

    here: str
    there: str
    provider: ProviderServer
    asked: list[requests.Response] = field(default_factory=list)

    def ask(self, url: str, headers: dict[str, str], *, stream: bool = True) -> requests.Response:
        """Ask for a completion that is to be kept; of a stream it is there once the model has begun."""
        body = {"model": "openAI/m", "messages": [{"role": "user", "content": "Hello"}]}
        answer = requests.post(
            f"{url}/v1/chat/completions",
            json={**body, "stream": stream, "store": True},
            headers=headers,
            stream=stream,
            timeout=30,
        )
        self.asked.append(answer)
        return answer

    def key(self, user: UserClient) -> tuple[str, dict[str, str]]:
        """A new API key: its path, and the headers with it."""
        made = requests.post(
            f"{self.here}/api/api-keys", json={"name": "tests"}, headers=user.headers, timeout=30
        ).json()
        return f"/api/api-keys/{made['id']}", {"Authorization": f"Bearer {made['key']}"}

    @property
    def all_left(self) -> bool:
        return all(chat.left for chat in self.provider.chats)


@pytest.fixture
def two(application_uri: str, tmp_path: Path, application: Application) -> Iterator[Two]:
    with ExitStack() as stack:
        provider = stack.enter_context(openai_server(Reply(["a"] * 600, between=[0.1])))
        settings = make_settings(
            application_uri,
            tmp_path,
            OPENAI_API_KEY="sk-test",
            OPENAI_REVERSE_PROXY=provider.url,
            OPENAI_MODELS="m",
            ENDPOINTS="openAI",
            ECHO_API_CONCURRENT="10",
        )
        here, there = (stack.enter_context(listening(assemble(settings))) for _ in range(2))
        made = Two(here, there, provider)
        yield made
        for answer in made.asked:
            answer.close()


def told(stream: requests.Response) -> Any:
    """What a stream says at its end."""
    return list(events(stream))[-1]


def goes_on(stream: requests.Response) -> bool:
    """Whether a stream says more than what has come by now."""
    began = time.monotonic()
    for line in stream.iter_lines(chunk_size=1):
        if b"error" in line or b"[DONE]" in line:
            return False
        if time.monotonic() - began > 0.5:
            break
    return True


def test_of_a_banned_user_end_wherever_they_are(
    two: Two, make_user: MakeUser, application_uri: str, tmp_path: Path, app_database: Database
) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    _, with_key = two.key(ada)
    streams = [two.ask(url, headers) for url in (two.here, two.there) for headers in (ada.headers, with_key)]
    others = two.ask(two.here, bob.headers)
    with ThreadPoolExecutor() as threads:
        whole = threads.submit(two.ask, two.there, with_key, stream=False)
        assert eventually(lambda: len(two.provider.chats) == 6)
        environ = {"MONGO_URI": application_uri, "ECHO_DATA_DIR": str(tmp_path), **KEYS}
        CommandLine(environ).run("user", "ban", ada.email, "--yes")
        began = time.monotonic()
        codes = [each["error"]["code"] for each in threads.map(told, streams)]
        refused = whole.result()
    assert time.monotonic() - began < FELT_SECONDS
    assert codes == ["session_expired", "invalid_api_key"] * 2
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_api_key")
    assert eventually(lambda: [chat.left for chat in two.provider.chats].count(True) == 5)
    assert goes_on(others)
    assert app_database.collection("conversations").count_documents({"user": ada.id}) == 0


def test_with_a_deleted_key_end_and_no_others(two: Two, make_user: MakeUser) -> None:
    ada = make_user("ada")
    path, with_key = two.key(ada)
    _, with_another = two.key(ada)
    streams = [two.ask(url, with_key) for url in (two.here, two.there)]
    others = [two.ask(two.here, headers) for headers in (with_another, ada.headers)]
    began = time.monotonic()
    assert requests.delete(two.here + path, headers=ada.headers, timeout=30).status_code == 204
    for stream in streams:
        assert told(stream)["error"]["code"] == "invalid_api_key"
    assert time.monotonic() - began < FELT_SECONDS
    for stream in others:
        assert goes_on(stream)


def test_of_a_session_that_was_logged_out_end(two: Two, make_user: MakeUser) -> None:
    ada = make_user("ada")
    stream = two.ask(two.there, ada.headers)
    assert requests.post(f"{two.here}/api/auth/logout", headers=ada.headers, timeout=30).status_code == 200
    assert told(stream)["error"]["code"] == "session_expired"
    assert eventually(lambda: two.all_left)


def test_of_a_deleted_user_end_and_leave_nothing(
    two: Two, make_user: MakeUser, app_database: Database, tmp_path: Path
) -> None:
    ada = make_user("ada")
    _, with_key = two.key(ada)
    stream = two.ask(two.there, with_key)
    AccountEraser(app_database, FileStore(tmp_path / "files", max_bytes=1, max_pixels=1)).erase(ada.id)
    assert told(stream)["error"]["code"] == "invalid_api_key"
    assert eventually(lambda: two.all_left)
    assert Erasure(app_database).count(ada.id) == {}
