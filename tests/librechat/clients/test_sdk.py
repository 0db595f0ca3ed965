"""`librechat-python-sdk`, a client that logs in by a browser's cookie, works with an Echo."""

import json
from pathlib import Path

import pytest
import requests
from librechat_client.client import LibreChatClient
from librechat_client.exceptions import LibreChatAPIError, LibreChatAuthError

from tests.support.server import PASSWORD
from tests.support.waiting import PATIENCE, until

AGENT = {"name": "Poet", "provider": "openAI", "model": "gpt-4o", "instructions": "Rhyme."}


@pytest.fixture(scope="module")
def browser(address: str) -> requests.Session:
    """A browser in which somebody has logged in."""
    person = {"email": "sid@example.com", "password": PASSWORD}
    more = {"name": "Sid", "username": "sid", "confirm_password": PASSWORD}
    session = requests.Session()
    for path, body in (("register", {**person, **more}), ("login", person)):
        answer = session.post(f"{address}/api/auth/{path}", json=body, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
    session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return session


@pytest.fixture(scope="module")
def client(
    address: str, browser: requests.Session, tmp_path_factory: pytest.TempPathFactory
) -> LibreChatClient:
    """The client, with the cookie that the browser had: it gets others in its place, and keeps them in a file."""
    token = str(browser.cookies["refreshToken"])
    return LibreChatClient(address, token, state_file=str(tmp_path_factory.mktemp("sdk") / "session.json"))


def test_gets_a_token_for_its_cookie_and_keeps_both(client: LibreChatClient, address: str) -> None:
    before = client.refresh_token
    client.access_token = None
    assert client.request("GET", "/api/user").json()["email"] == "sid@example.com"
    assert client.refresh_token != before
    another = LibreChatClient(address, "is read from the file", state_file=client.state_file)
    assert (another.access_token, another.refresh_token) == (client.access_token, client.refresh_token)
    assert another.request("GET", "/api/user").status_code == 200


def test_gets_another_one_when_its_token_is_refused(client: LibreChatClient) -> None:
    client.request("GET", "/api/user")
    # It ends in time, but nobody signed it.
    assert client.access_token is not None
    head, claims, _ = client.access_token.split(".")
    client.access_token = f"{head}.{claims}.AAAA"
    assert client.request("GET", "/api/user").status_code == 200
    assert not client.access_token.endswith(".AAAA")


def test_asks_an_agent(client: LibreChatClient, address: str, browser: requests.Session) -> None:
    made = browser.post(f"{address}/api/agents", json=AGENT, timeout=PATIENCE)
    assert made.status_code == 201, made.text
    started = client.send_agent_message("A poem?", agent_id=made.json()["id"])
    conversation_id = started["conversationId"]

    def texts() -> list[str]:
        messages = client.request("GET", f"/api/messages/{conversation_id}").json()
        return [each["text"] or each["content"][0]["text"] for each in messages if not each["unfinished"]]

    until(lambda: len(texts()) == 2)
    assert texts()[0] == "A poem?"
    again = client.send_agent_message("Another?", made.json()["id"], conversation_id)
    assert again["conversationId"] == conversation_id
    until(lambda: len(texts()) == 4)


def test_is_told_what_is_wrong(client: LibreChatClient) -> None:
    with pytest.raises(LibreChatAPIError) as caught:
        client.send_agent_message("A poem?")
    assert caught.value.status_code == 422
    assert json.loads(caught.value.response_text)["message"]


def test_cannot_go_on_with_a_cookie_of_nobody(address: str, tmp_path: Path) -> None:
    stranger = LibreChatClient(address, "x.y.z", state_file=str(tmp_path / "session.json"))
    with pytest.raises(LibreChatAuthError):
        stranger.request("GET", "/api/user")
