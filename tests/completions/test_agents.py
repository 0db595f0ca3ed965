"""Agents as models of `/v1`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from echo.app import Application, assemble
from echo.handling.caller import Caller
from tests.chat.test_tools import Kit
from tests.conftest import MakeUser, UserClient, make_settings
from tests.support.providers import ProviderServer, Received, Reply, openai_server
from tests.support.providers.replies import Called as Call

Json = dict[str, Any]
QUESTION = [{"role": "user", "content": "How is it?"}]
CALL = Reply(["See. "], calls=(Call("weather", ('{"place": "Kyïv"}',), "call_a"),), usage=(10, 5))


def answer(received: Received) -> Reply:
    if received.json["messages"][-1]["role"] == "tool":
        return Reply(["It rains."], usage=(20, 3))
    return CALL if received.json.get("tools") else Reply(["No idea."])


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderServer]:
    with openai_server(answer) as server:
        yield server


@pytest.fixture(scope="module")
def echo(
    application_uri: str,
    application: Application,
    provider: ProviderServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[TestClient, Application]]:
    assert application
    settings = make_settings(
        application_uri,
        tmp_path_factory.mktemp("programs"),
        OPENAI_API_KEY="sk-test",
        OPENAI_REVERSE_PROXY=provider.url,
        OPENAI_MODELS="gpt-4o-mini,gpt-4",
        ENDPOINTS="openAI",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("echo.services.tool_sources", lambda *_: (Kit(),))
        made = assemble(settings)
    with TestClient(made.asgi) as http:
        yield http, made


@pytest.fixture
def ada(make_user: MakeUser) -> UserClient:
    return make_user("ada")


@pytest.fixture
def make(echo: tuple[TestClient, Application]) -> Callable[..., str]:
    """An agent of a user's; its id."""

    def agent(user: UserClient, **fields: Any) -> str:
        caller = Caller(user.id, user.session_id, user.email, "ada", "local", "USER")
        about = {"name": "Poet", "provider": "openAI", "model": "gpt-4", "instructions": "Rhyme.", **fields}
        return str(echo[1].services.agents.create(caller, about)["id"])

    return agent


def ask(echo: tuple[TestClient, Application], user: UserClient, model: str, **body: Any) -> Any:
    asked = {"model": model, "messages": QUESTION, **body}
    return echo[0].post("/v1/chat/completions", json=asked, headers=user.headers)


def test_use_their_tools(
    echo: Any, ada: UserClient, make: Callable[..., str], provider: ProviderServer
) -> None:
    agent = make(ada, tools=["weather_mcp_kit"], model_parameters={"temperature": 0.25})
    said = ask(echo, ada, f"agents/{agent}", temperature=1.5).json()
    assert said["choices"][0]["message"]["content"] == "See. It rains."
    assert said["choices"][0]["finish_reason"] == "stop"
    assert "tool_calls" not in said["choices"][0]["message"]
    assert (said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]) == (30, 8)
    sent = provider.requests[-1].json
    assert (sent["model"], sent["temperature"]) == ("gpt-4", 0.25)
    assert sent["messages"][0]["content"] == "Rhyme.\n\nThe kit knows the weather."
    assert sent["messages"][-1]["content"] == "rain in Kyïv"


def test_stream_and_answer_as_responses(echo: Any, ada: UserClient, make: Callable[..., str]) -> None:
    agent = make(ada, tools=["weather_mcp_kit"])
    streamed = ask(echo, ada, agent, stream=True).text
    assert "It rains." in streamed
    assert streamed.endswith("data: [DONE]\n\n")
    asked = {"model": agent, "input": "How is it?", "instructions": "In verse."}
    response = echo[0].post("/v1/responses", json=asked, headers=ada.headers).json()
    [item] = response["output"]
    assert item["content"][0]["text"] == "See. It rains."


def test_are_listed_for_who_may_ask_them(
    echo: Any, ada: UserClient, make_user: MakeUser, make: Callable[..., str]
) -> None:
    agent, bob = make(ada), make_user("bob")
    mine, others = (echo[0].get("/v1/models", headers=user.headers).json() for user in (ada, bob))
    listed = {"id": f"agents/{agent}", "object": "model", "created": 0, "owned_by": "agents"}
    assert listed in mine["data"]
    assert listed not in others["data"]
    refused = ask(echo, bob, agent)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert ask(echo, ada, agent).json()["choices"][0]["message"]["content"] == "No idea."


@pytest.mark.parametrize(
    "body", [{"tools": [{"type": "function", "function": {"name": "mine"}}]}, {"n": 2}], ids=["tools", "n"]
)
def test_take_nothing_that_is_their_own(
    echo: Any, ada: UserClient, make: Callable[..., str], body: Json
) -> None:
    refused = ask(echo, ada, make(ada), **body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unsupported_parameter")
