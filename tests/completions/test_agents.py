"""Agents as models of `/v1`."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from bson import ObjectId
from starlette.testclient import TestClient

from echo.app import Application, assemble
from echo.chat.summaries import HEADING, PROMPT
from echo.handling.caller import Caller
from storage.core.database import Database
from tests.chat.test_tools import Kit
from tests.conftest import MakeUser, UserClient, make_settings
from tests.support.providers import ProviderServer, Received, Reply, openai_server
from tests.support.providers.replies import Called as Call

Json = dict[str, Any]
QUESTION = [{"role": "user", "content": "How is it?"}]
CALL = Reply(["See. "], calls=(Call("weather", ('{"place": "Kyïv"}',), "call_a"),), usage=(10, 5))

SCRIPTED = {
    PROMPT: Reply(["They spoke."], usage=(9, 3)),
    "Fill it.": replace(CALL, usage=(480, 20)),
    "Break off.": Reply(["12345678", "90123456"], cut=True),
}


def answer(received: Received) -> Reply:
    messages = received.json["messages"]
    for each in (messages[0]["content"], messages[-1]["content"]):
        if isinstance(each, str) and each in SCRIPTED:
            return SCRIPTED[each]
    tools = [each["function"]["name"] for each in received.json.get("tools", ())]
    if messages[0]["content"].startswith("Say "):
        return Reply([messages[0]["content"].removeprefix("Say ")])
    if "subagent" in tools and messages[-1]["role"] != "tool":
        kind = received.json["tools"][-1]["function"]["parameters"]["properties"]["subagent_type"]["enum"][0]
        task = f'{{"description": "Rhyme.", "subagent_type": "{kind}"}}'
        return Reply([], calls=(Call("subagent", (task,), "call_s"),))
    if transfers := [each for each in tools if each.startswith("lc_transfer_to_")]:
        return Reply(["Wait."], calls=tuple(Call(each, id=each[-8:]) for each in transfers))
    if received.json["messages"][-1]["role"] == "tool":
        return Reply(["It rains."] if tools != ["subagent"] else ["Done."], usage=(20, 3))
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
    directory = tmp_path_factory.mktemp("programs")
    config = directory / "librechat.yaml"
    config.write_text("version: 1.3.4\nsummarization:\n  model: gpt-4o-mini\n")
    settings = make_settings(
        application_uri,
        directory,
        CONFIG_PATH=str(config),
        OPENAI_API_KEY="sk-test",
        OPENAI_REVERSE_PROXY=provider.url,
        OPENAI_MODELS="gpt-4o-mini,gpt-4",
        ENDPOINTS="openAI",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("echo.services.tool_sources", lambda *_, **__: (Kit(),))
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


def ask(echo: tuple[TestClient, Application], user: Any, model: str, **body: Any) -> Any:
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


def test_say_nothing_after_their_tools_where_that_is_wanted(
    echo: Any, ada: UserClient, make: Callable[..., str], provider: ProviderServer
) -> None:
    agent, asked = make(ada, tools=["weather_mcp_kit"], end_after_tools=True), len(provider.requests)
    said = ask(echo, ada, agent).json()
    assert (said["choices"][0]["message"]["content"], len(provider.requests)) == ("See. ", asked + 1)
    assert (said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]) == (10, 5)


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


def test_can_be_read_where_they_are_listed(
    echo: Any, ada: UserClient, make_user: MakeUser, make: Callable[..., str], app_database: Database
) -> None:
    """Also when the provider of their own model has lost its key."""
    agent, bob = make(ada), make_user("bob")
    path = f"/v1/models/agents%2F{agent}"
    app_database.collection("agents").update_one({"id": agent}, {"$set": {"provider": "nowhere"}})
    read = echo[0].get(path, headers=ada.headers).json()
    assert read == {"id": f"agents/{agent}", "object": "model", "created": 0, "owned_by": "agents"}
    others = echo[0].get(path, headers=bob.headers)
    assert (others.status_code, others.json()["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("kind", ["agent", "remoteAgent"])
def test_are_listed_for_whom_they_are_shared_with(
    echo: Any,
    make_user: MakeUser,
    make: Callable[..., str],
    app_database: Database,
    kind: str,
) -> None:
    """For chats, or for programs alone: either answers under `/v1`."""
    agent, bob = make(make_user("ada")), make_user("bob")
    [document] = app_database.collection("agents").find({"id": agent})
    whose = {"principalType": "user", "principalId": ObjectId(bob.id), "principalModel": "User"}
    shared = {"resourceType": kind, "resourceId": document["_id"], "permBits": 1}
    app_database.collection("aclentries").insert_one({**whose, **shared})
    models = echo[0].get("/v1/models", headers=bob.headers).json()["data"]
    [listed] = [each for each in models if each["owned_by"] == "agents"]
    assert listed["id"] == f"agents/{agent}"
    assert ask(echo, bob, listed["id"]).status_code == 200


class TestSeveralTogether:
    def test_answer_one_after_the_other_and_at_the_same_time(
        self, echo: Any, ada: UserClient, make: Callable[..., str], provider: ProviderServer
    ) -> None:
        poet, cook = make(ada, instructions="Say two."), make(ada, instructions="Say three.")
        last = make(ada, instructions="Say four.")
        ways: list[Json] = [
            {"from": "", "to": [poet, cook]},
            {"from": [poet, cook], "to": last, "edgeType": "direct"},
        ]
        said = ask(echo, ada, make(ada, instructions="Say one.", edges=ways)).json()
        assert said["choices"][0]["message"]["content"] == "one.\n\ntwo.\n\nthree.\n\nfour."
        assert (said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]) == (44, 28)
        told = [each["content"] for each in provider.requests[-1].json["messages"]]
        assert told == ["Say four.", "How is it?", "one.\ntwo.\nthree.", "Go on from here."]

    def test_hand_over(self, echo: Any, ada: UserClient, make: Callable[..., str]) -> None:
        poet = make(ada, instructions="Say rhymes.")
        router = make(ada, edges=[{"from": "", "to": poet, "edgeType": "handoff"}])
        streamed = ask(echo, ada, router, stream=True).text
        assert streamed.index("Wait.") < streamed.index("rhymes.")
        assert streamed.endswith("data: [DONE]\n\n")
        response = echo[0].post("/v1/responses", json={"model": router, "input": "Go."}, headers=ada.headers)
        [item] = response.json()["output"]
        assert item["content"][0]["text"] == "Wait.\n\nrhymes."

    def test_give_tasks(
        self, echo: Any, ada: UserClient, make: Callable[..., str], provider: ProviderServer
    ) -> None:
        poet = make(ada, instructions="Say rhymes.")
        boss = make(ada, subagents={"enabled": True, "allowSelf": False, "agent_ids": [poet]})
        said = ask(echo, ada, boss).json()
        assert said["choices"][0]["message"]["content"] == "Done."
        assert (said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"]) == (42, 17)
        assert provider.requests[-1].json["messages"][-1]["content"] == "rhymes."

    def test_are_only_those_whom_the_caller_may_use(
        self, echo: Any, ada: UserClient, make_user: MakeUser, make: Callable[..., str]
    ) -> None:
        secret = make(make_user("bob"), instructions="Say secrets.")
        router = make(ada, instructions="Say one.", edges=[{"from": "", "to": secret, "edgeType": "direct"}])
        assert ask(echo, ada, router).json()["choices"][0]["message"]["content"] == "one."


@dataclass
class Key:
    """An API key with limits, and what it has used."""

    owner: UserClient
    made: Json

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.made['key']}"}

    @property
    def used(self) -> Json:
        shown: Json = self.owner.get(f"/api/api-keys/{self.made['id']}").json()
        return shown["usage"]["total"]


@pytest.fixture
def key(ada: UserClient) -> Callable[..., Key]:
    def make(**limits: Any) -> Key:
        response = ada.post("/api/api-keys", json={"name": "script", "limits": limits})
        return Key(ada, response.json())

    return make


class TestLimitsOfAKey:
    def test_hold_for_every_round(
        self, echo: Any, ada: UserClient, make: Callable[..., str], key: Callable[..., Key]
    ) -> None:
        agent, one = make(ada, tools=["weather_mcp_kit"]), key(requestsPerMinute=1)
        refused = ask(echo, one, agent)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert (one.used["requests"], one.used["inputTokens"], one.used["outputTokens"]) == (1, 10, 5)

    @pytest.mark.parametrize("limits", [{"requestsPerMinute": 1}, {"tokensPerMinute": 16}])
    def test_are_told_in_the_middle_of_a_stream(
        self, echo: Any, ada: UserClient, make: Callable[..., str], key: Callable[..., Key], limits: Json
    ) -> None:
        agent = make(ada, tools=["weather_mcp_kit"])
        said = ask(echo, key(**limits), agent, stream=True)
        assert said.status_code == 200
        *chunks, last = [each.removeprefix("data: ") for each in said.text.split("\n\n") if each]
        assert any("See. " in each for each in chunks)
        assert json.loads(last)["error"]["code"] == "rate_limit_exceeded"

    def test_are_told_as_a_response_that_failed(
        self, echo: Any, ada: UserClient, make: Callable[..., str], key: Callable[..., Key]
    ) -> None:
        agent = make(ada, tools=["weather_mcp_kit"])
        asked = {"model": agent, "input": "How is it?", "stream": True}
        said = echo[0].post("/v1/responses", json=asked, headers=key(requestsPerMinute=1).headers)
        last = [each for each in said.text.split("\n\n") if each][-1]
        assert last.startswith("event: response.failed")
        assert '"rate_limit_exceeded"' in last

    def test_hold_for_those_who_get_tasks(
        self, echo: Any, ada: UserClient, make: Callable[..., str], key: Callable[..., Key]
    ) -> None:
        poet = make(ada, instructions="Say rhymes.")
        boss = make(ada, subagents={"enabled": True, "allowSelf": False, "agent_ids": [poet]})
        one, many = key(requestsPerMinute=1), key(requestsPerMinute=9)
        assert ask(echo, one, boss).status_code == 429
        assert one.used["requests"] == 1
        assert ask(echo, many, boss).status_code == 200
        assert (many.used["requests"], many.used["inputTokens"]) == (3, 42)

    def test_each_request_is_written_down_as_one(
        self,
        echo: Any,
        ada: UserClient,
        make: Callable[..., str],
        key: Callable[..., Key],
        app_database: Database,
    ) -> None:
        one = key()
        assert ask(echo, one, make(ada, tools=["weather_mcp_kit"])).status_code == 200
        rows = app_database.collection("transactions").find({"user": ObjectId(ada.id)}).sort("_id")
        assert [(row["tokenType"], row["rawAmount"]) for row in rows] == [
            ("prompt", -10),
            ("completion", -5),
            ("prompt", -20),
            ("completion", -3),
        ]


class TestAFullContext:
    EARLIER: ClassVar = [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Fill it."},
    ]

    def test_is_summarised_within_the_answer(
        self, echo: Any, filling: str, key: Callable[..., Key], provider: ProviderServer
    ) -> None:
        one, asked = key(), len(provider.requests)
        said = ask(echo, one, filling, messages=self.EARLIER)
        assert said.json()["choices"][0]["message"]["content"] == "See. It rains."
        _, summing, last = provider.requests[asked:]
        assert summing.json["model"] == "gpt-4o-mini"
        assert summing.json["messages"][1]["content"] == "User: Hello.\n\nModel: Hi."
        told = [each["content"] for each in last.json["messages"]]
        assert told[1:3] == [f"{HEADING}\n\nThey spoke.", "Fill it."]
        assert (one.used["requests"], one.used["inputTokens"], one.used["outputTokens"]) == (3, 509, 26)

    def test_is_not_summarised_beyond_the_limits_of_a_key(
        self, echo: Any, filling: str, key: Callable[..., Key], provider: ProviderServer
    ) -> None:
        one, asked = key(requestsPerMinute=1), len(provider.requests)
        assert ask(echo, one, filling, messages=self.EARLIER).status_code == 429
        assert (one.used["requests"], len(provider.requests)) == (1, asked + 1)

    @pytest.fixture
    def filling(self, ada: UserClient, make: Callable[..., str]) -> str:
        return make(ada, tools=["weather_mcp_kit"], model_parameters={"maxContextTokens": 500})


def test_pay_by_tokens_for_what_is_broken_off(
    echo: Any, ada: UserClient, make: Callable[..., str], key: Callable[..., Key]
) -> None:
    one = key()
    said = ask(echo, one, make(ada), messages=[{"role": "user", "content": "Break off."}])
    assert said.status_code == 502
    # Sixteen digits are six tokens: three in each but the last.
    assert (one.used["requests"], one.used["outputTokens"]) == (1, 6)


@pytest.mark.parametrize(
    "body", [{"tools": [{"type": "function", "function": {"name": "mine"}}]}, {"n": 2}], ids=["tools", "n"]
)
def test_take_nothing_that_is_their_own(
    echo: Any, ada: UserClient, make: Callable[..., str], body: Json
) -> None:
    refused = ask(echo, ada, make(ada), **body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unsupported_parameter")
