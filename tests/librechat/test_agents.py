"""Agents that LibreChat made run on Echo as their records say: those of its database, and those of the recordings."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId, json_util

from echo.app import assemble
from echo.settings import ProviderSettings, Settings
from tests.conftest import Client
from tests.librechat.conftest import PASSWORDS, Copy
from tests.support.providers import ProviderServer, openai_server
from tests.support.streams import Talker, kinds, listening, spoken

Json = dict[str, Any]
HERE = Path(__file__).parent
DUMPED = json_util.loads((HERE / "database.json").read_text(encoding="utf-8"))["collections"]["agents"]
RECORDED = [
    each["response"]
    for each in map(json.loads, (HERE / "recordings.jsonl").read_text(encoding="utf-8").splitlines())
    if each["template"] in {"/api/agents", "/api/agents/{agentId}"} and each["method"] in {"POST", "PATCH"}
]
AGENTS = [*DUMPED["documents"], *RECORDED]
# As LibreChat's builder stores them: of a tool without its key, and of a server that is gone, nothing is offered.
TOOLS = [
    "calculator",
    "file_search",
    "wolfram",
    "search_mcp_gone",
    "sys__all__sys_mcp_gone",
    "weather_action_d2Vh",
]


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderServer]:
    with openai_server() as server:
        yield server


@pytest.fixture(scope="module")
def address(moved: Settings, provider: ProviderServer) -> Iterator[str]:
    """An Echo in LibreChat's place, with the endpoint of its agents."""
    fake = ProviderSettings(
        name="Fake", type="custom", models=("fake-small",), api_key="sk-tests-only", base_url=provider.url
    )
    with listening(assemble(replace(moved, providers=(fake,)))) as url:
        yield url


@pytest.fixture
def ada(anonymous: Client, address: str) -> Talker:
    """Who made the agent of the database, logged in with LibreChat's password."""
    body = {"email": "ada@example.test", "password": PASSWORDS["ada"]}
    token = anonymous.post("/api/auth/login", json=body).json()["token"]
    return Talker(f"{address}/chat", {"Authorization": f"Bearer {token}"}, "librechat.follow_chat")


def put(copy: Copy, agent: Json) -> str:
    """An agent of ada's in the database, as LibreChat would have stored it; its id."""
    author = DUMPED["documents"][0]["author"]
    if copy.raw.agents.find_one({"id": agent["id"]}) is None:
        stored = {**agent, "_id": ObjectId(agent.get("_id")), "author": author}
        copy.raw.agents.insert_one(stored)
        who = {"principalType": "user", "principalModel": "User", "principalId": author}
        for kind in ("agent", "remoteAgent"):
            grant = {"resourceType": kind, "resourceId": stored["_id"], "permBits": 15}
            copy.raw.aclentries.insert_one({**who, **grant})
    return str(agent["id"])


def test_there_are_some() -> None:
    assert {each["id"] for each in AGENTS} == {"agent_4ZOpNA4AeUuyNAuf6bG3X", "agent_GZfsO-7xnA4lcS-GxevWV"}
    assert len(AGENTS) == 3


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: f"{agent['id']} of {agent['updatedAt']}")
def test_each_answers(ada: Talker, copy: Copy, provider: ProviderServer, agent: Json) -> None:
    agent_id, before = put(copy, agent), len(provider.chats)
    events = ada.ask("Ping?", endpoint="agents", agent_id=agent_id)
    assert spoken(events) == "Hello wörld."
    assert kinds(events)[0] == "created"
    final = events[-1].data
    assert (final["responseMessage"]["sender"], final["responseMessage"]["model"]) == (
        agent["name"],
        agent_id,
    )
    [asked] = [each.json for each in provider.chats[before:] if each.json.get("stream")]
    assert (asked["model"], "tools" in asked) == (agent["model"], False)
    system, question = asked["messages"]
    # With what ada had LibreChat remember.
    assert system["content"].splitlines()[0] == agent["instructions"]
    assert system["content"].endswith("green tea")
    assert question == {"role": "user", "content": "Ping?"}
    [stored] = copy.raw.conversations.find({"conversationId": final["conversation"]["conversationId"]})
    assert (stored["endpoint"], stored["agent_id"]) == ("agents", agent_id)
    # The agent itself is as LibreChat left it.
    found = copy.raw.agents.find_one({"id": agent_id})
    assert {name: found[name] for name in ("name", "tools", "versions")} == {
        name: agent[name] for name in ("name", "tools", "versions")
    }


def test_tools_are_offered_as_the_record_says(ada: Talker, copy: Copy, provider: ProviderServer) -> None:
    agent = {
        **DUMPED["documents"][0],
        "_id": ObjectId(),
        "id": "agent_" + "t" * 21,
        "tools": TOOLS,
        "mcpServerNames": ["gone"],
        "tool_resources": {"file_search": {"file_ids": ["of-nobody"]}, "ocr": None},
    }
    agent_id, before = put(copy, agent), len(provider.chats)
    assert spoken(ada.ask("Ping?", endpoint="agents", agent_id=agent_id)) == "Hello wörld."
    [asked] = [each.json for each in provider.chats[before:] if each.json.get("stream")]
    assert [each["function"]["name"] for each in asked["tools"]] == ["file_search", "calculator"]
