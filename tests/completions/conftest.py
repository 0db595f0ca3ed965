"""A running Echo between OpenAI's own client and small servers that play the providers."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
import requests

from echo.accounts.api_keys import ApiKeyGuard, ApiKeyService
from echo.accounts.tokens import Tokens
from echo.settings import Settings
from echo.testing.events import sent
from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.bans import BanRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from tests.conftest import open_session
from tests.support.database import named_database
from tests.support.event_streams import events_of
from tests.support.providers import (
    RENDER,
    Answer,
    Behaviour,
    ProviderServer,
    Received,
    Reply,
    anthropic_server,
    event_stream,
    google_server,
    openai_server,
)
from tests.support.providers.openai import error_answer
from tests.support.providers.replies import Called
from tests.support.server import RunningServer, start_server
from tests.support.two_factor import CREDS_KEY
from tests.support.waiting import PATIENCE

USER_KEY = "sk-canary-of-a-user"
OTHER_MODELS = ("text-embedding-3-small", "tts-1", "whisper-1", "gpt-4o-transcribe", "gpt-image-1")
SERVER_KEY = "sk-canary-of-the-server"
BEHAVIOURS: dict[str, Behaviour] = {
    "limited": error_answer("rate_limit_exceeded", Retry_After="7"),
    "broken": error_answer("server_error"),
    "bad key": error_answer("invalid_api_key"),
    "too long": error_answer("context_length_exceeded"),
    "dies": Reply(error="server_error"),
    "ends early": Reply(cut=True),
    "thinks": Reply(["It ", "is."], reasoning=["Let me ", "see."]),
    "cut off": Reply(["A long"], finish="length"),
    "filtered": Reply(["So far"], finish="content_filter"),
    "withheld": Reply([""], finish="content_filter"),
    "refused": Reply([], refusal="I cannot."),
    "a city": Reply(['{"name": "Ky', 'iv", "people": 3}']),
    "aloud": Reply([], spoken=[b"one", b"two!"], transcript="Hello."),
    "very slow": Reply(["a"] * 600, between=[0.1]),
}


# What happens while the provider is asked for the title of a conversation that began with these words.
MEANWHILE: dict[str, Callable[[], object]] = {}


def behave(received: Received) -> Reply | Answer:
    """The behaviour that the last message names; a usual answer for every other."""
    if received.json.get("tools"):
        return agent(received)
    content = received.json["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[0].get("text", "")
    # A title is asked for with question and answer.
    if happens := MEANWHILE.get(text.removesuffix("\n\nHello wörld.") if "\n\n" in text else ""):
        happens()
    if text == "held":
        # The first word, and nothing more.
        return event_stream(*RENDER["openai"](Reply(["a", "b"]), received).pieces[:2], threading.Event())
    behaviour = BEHAVIOURS.get(text, Reply())
    assert isinstance(behaviour, Reply | Answer)
    return behaviour


def agent(received: Received) -> Reply:
    """Wants to know weather and time, and then tells both."""
    messages = received.json["messages"]
    return working([message["content"] for message in messages if message["role"] == "tool"])


def claude(received: Received) -> Reply:
    """The same in Anthropic's protocol, where it thinks before."""
    if not received.json.get("tools"):
        return Reply(["Claude."])
    blocks = [block for message in received.json["messages"] for block in message["content"]]
    return working([block["content"] for block in blocks if block["type"] == "tool_result"], ["Hm."])


def gemini(received: Received) -> Reply:
    """The same in Google's."""
    parts = [part for content in received.json["contents"] for part in content["parts"]]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    return working([each["response"]["output"] for each in results])


def working(results: list[str], reasoning: Sequence[str] = ()) -> Reply:
    """What an agent says once it has these results."""
    if results:
        return Reply([" and ".join(results), "."])
    return Reply(
        [],
        reasoning=reasoning,
        calls=(
            Called("get_weather", ('{"pla', 'ce": "Ky', 'iv"}'), "call_a"),
            Called("get_time", ("{}",), "call_b"),
        ),
        cached=4,
        thought=3,
    )


def asked(provider: ProviderServer, last: str) -> list[Received]:
    """The requests whose last message is this one, the newest last; others may come late, for titles."""
    chats = [each for each in provider.chats if each.path.endswith("/chat/completions")]
    return [chat for chat in chats if chat.json["messages"][-1]["content"] == last]


def leave(user: "User", provider: ProviderServer, **fields: Any) -> Received:
    """Ask without a stream, and leave when the provider has the question, which is the answer here."""
    before = len(asked(provider, "very slow"))
    # On a busy machine it may not be there before the first client leaves.
    for seconds in (0.5, 2.0, 8.0, 30.0):
        impatient = user.openai.with_options(timeout=seconds)
        with pytest.raises(openai.APITimeoutError):
            impatient.chat.completions.create(
                model="openAI/gpt-4o", messages=[{"role": "user", "content": "very slow"}], **fields
            )
        if len(asked(provider, "very slow")) > before:
            break
    return asked(provider, "very slow")[-1]


@dataclass
class User:
    """An account of the running server with an API key."""

    server: RunningServer
    token: str
    api_key: str = field(repr=False)

    @cached_property
    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.server.url}/v1", api_key=self.api_key, max_retries=0)

    @cached_property
    def anthropic(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.server.url, api_key=self.api_key, max_retries=0)

    def close(self) -> None:
        """Of connections that the garbage collector finds, it may warn."""
        for name in ("openai", "anthropic"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def ask(self, **fields: object) -> requests.Response:
        """A raw request for a completion."""
        body = {"model": "openAI/gpt-4o", "messages": [{"role": "user", "content": "Hello"}], **fields}
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return requests.post(
            f"{self.server.url}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE
        )

    def messages(self, conversation_id: str) -> list[dict[str, str]]:
        answer = self.server.get(f"/api/messages/{conversation_id}", self.token)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def conversations(self) -> list[dict[str, str]]:
        return list(self.server.get("/api/convos", self.token).json()["conversations"])


@pytest.fixture(scope="package")
def provider() -> Iterator[ProviderServer]:
    """What plays OpenAI."""
    with openai_server(behave) as server:
        yield server


@pytest.fixture(scope="package")
def served_uri(mongo_uri: str) -> Iterator[str]:
    """The database of the running server: with one of its own each would have cost a MongoDB."""
    with named_database(mongo_uri, "echo_completions") as uri:
        yield uri


@pytest.fixture(scope="package")
def others() -> Iterator[dict[str, ProviderServer]]:
    """What plays Anthropic and Google."""
    with anthropic_server(claude) as one, google_server(gemini) as other:
        yield {"anthropic": one, "google": other}


@pytest.fixture(scope="package")
def server(
    provider: ProviderServer,
    others: dict[str, ProviderServer],
    served_uri: str,
    settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningServer]:
    """Echo with OpenAI and Anthropic, and Google for those who bring a key."""
    directory: Path = tmp_path_factory.mktemp("completions")
    environ = {
        "MONGO_URI": served_uri,
        "JWT_SECRET": str(settings.jwt_secret),
        "JWT_REFRESH_SECRET": str(settings.jwt_refresh_secret),
        "CREDS_KEY": CREDS_KEY,
        "CREDS_IV": "d1" * 16,
        "OPENAI_API_KEY": SERVER_KEY,
        "OPENAI_REVERSE_PROXY": provider.url,
        "OPENAI_MODELS": "gpt-4o,shared/model",
        "ECHO_API_MODELS": ",".join(f"openAI/{model}" for model in OTHER_MODELS),
        "ANTHROPIC_API_KEY": SERVER_KEY,
        "ANTHROPIC_REVERSE_PROXY": others["anthropic"].url,
        "ANTHROPIC_MODELS": "claude,shared/model",
        "GOOGLE_KEY": "user_provided",
        "GOOGLE_MODELS": "gemini,gemini-3-pro-preview",
        "GOOGLE_REVERSE_PROXY": others["google"].url,
        "ECHO_PROVIDER_ATTEMPTS": "1",
        "ECHO_API_CONCURRENT": "3",
        "ECHO_API_BACKGROUND": "2",
        "ECHO_STT": "off",
    }
    running = start_server(directory, environ=environ)
    yield running
    running.kill()


@pytest.fixture
def sign_up(
    server: RunningServer, served_uri: str, tokens: Tokens, password_hash: str
) -> Iterator[Callable[[], User]]:
    """Makes accounts in the database of the server; the operations for it have tests of their own."""
    users: list[User] = []
    database = Database(served_uri)
    sessions, keys = SessionRepository(database), ApiKeyRepository(database)
    accounts = UserRepository(database)
    api_keys = ApiKeyService(keys, ApiKeyGuard(keys, accounts, BanRepository(database)))

    def make() -> User:
        name = f"u{secrets.token_hex(6)}"
        account = accounts.create(
            name=name, email=f"{name}@example.com", username=name, password_hash=password_hash
        )
        made = api_keys.create(str(account["_id"]), name="tests")
        users.append(User(server, open_session(sessions, tokens, account).token, made.key))
        return users[-1]

    yield make
    for user in users:
        user.close()
    database.close()


@pytest.fixture
def ada(sign_up: Callable[[], User]) -> User:
    return sign_up()


@pytest.fixture
def bob(sign_up: Callable[[], User]) -> User:
    return sign_up()


@pytest.fixture
def own_key(ada: User) -> None:
    body = {"name": "google", "value": '{"GOOGLE_API_KEY": "g"}'}
    headers = {"Authorization": f"Bearer {ada.token}"}
    assert httpx.put(f"{ada.server.url}/api/keys", json=body, headers=headers).status_code == 201


def events(response: requests.Response) -> list[Any]:
    """What a stream's events say, in order, each held against the document; JSON where it is some."""
    checker = events_of("create_chat_completion")
    return [checker.check(name, data) for name, data in sent(response.text.split("\n"))]
