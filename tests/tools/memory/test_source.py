"""The tools by which a model remembers and forgets: for whom, what, and up to which limits."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from echo.access import remembered
from echo.conversations.token_count import count_tokens
from echo.library.memories import Memories
from echo.services import Services
from echo.settings.agents import AgentSettings, MemorySettings
from echo.tools.memory.source import MemoryTools
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolFailure, ToolOutput, Wanted
from storage.accounts.users import UserRepository
from storage.core.database import Database
from storage.library.memories import MemoryRepository
from tests.conftest import UserClient

MEMORIES = "/chat/api/memories"


class World:
    def __init__(self, services: Services, database: Database) -> None:
        self.services, self.database = services, database

    def offer(
        self,
        user: UserClient,
        settings: MemorySettings | None = None,
        *,
        names: tuple[str, ...] = ("memory",),
        rules: AgentSettings | None = None,
    ) -> Offer:
        settings = settings or MemorySettings()
        memories = Memories(
            self.services.access,
            MemoryRepository(self.database),
            UserRepository(self.database),
            count_tokens,
            settings,
        )
        source = MemoryTools(memories, rules or AgentSettings(), settings)
        return asyncio.run(source.offer(Wanted(names), RunPlace(user.id, "c", "m")))

    def tools(self, user: UserClient, settings: MemorySettings | None = None) -> tuple[RunTool, ...]:
        return self.offer(user, settings).tools


@pytest.fixture
def world(services: Services, app_database: Database) -> World:
    return World(services, app_database)


def call(tool: RunTool, **arguments: Any) -> ToolOutput:
    async def asked() -> ToolOutput:
        return await tool.call(Called("1", arguments))

    return asyncio.run(asked())


def about(output: ToolOutput) -> Mapping[str, Any]:
    [attachment] = output.attachments
    assert attachment["type"] == "memory"
    found: Mapping[str, Any] = attachment["memory"]
    return found


def held(user: UserClient) -> dict[str, str]:
    return {each["key"]: each["value"] for each in user.get(MEMORIES).json()["memories"]}


def test_remembers_replaces_and_forgets(world: World, ada: UserClient, bob: UserClient) -> None:
    write, forget = world.tools(ada)
    assert [each.spec.name for each in (write, forget)] == ["set_memory", "delete_memory"]
    noted = {"key": "drinks", "value": "She likes tea.", "tokenCount": 4, "type": "update"}
    assert about(call(write, key="drinks", value=" She likes tea. ")) == noted
    call(write, key="drinks", value="She likes coffee.")
    assert held(ada) == {"drinks": "She likes coffee."}
    assert about(call(forget, key="drinks")) == {"key": "drinks", "type": "delete"}
    assert (held(ada), held(bob)) == ({}, {})


def test_the_model_is_told_the_names_and_the_rule(world: World, ada: UserClient) -> None:
    [rule] = world.offer(ada).instructions
    ada.post(MEMORIES, json={"key": "likes", "value": "tea"})
    offer = world.offer(ada, MemorySettings(keys=("likes", "work")))
    assert offer.instructions == (f"{rule} What is remembered already is under: likes.",)
    assert "likes, work" in str(offer.tools[0].spec.parameters)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"key": "Likes", "value": "x"},
        {"key": "a b", "value": "x"},
        {"key": "$where", "value": "x"},
        {"key": ["likes"], "value": "x"},
        {"key": "likes", "value": " "},
        {"key": "likes", "value": 7},
        {"key": "nothing", "value": "x"},
        {"key": "likes", "value": "x" * 101},
    ],
)
def test_what_is_no_memory_fails(world: World, ada: UserClient, arguments: dict[str, Any]) -> None:
    write, _ = world.tools(ada, MemorySettings(char_limit=100))
    with pytest.raises(ToolFailure):
        call(write, **arguments)
    assert held(ada) == {}


def test_only_names_of_the_operators(world: World, ada: UserClient) -> None:
    write, forget = world.tools(ada, MemorySettings(keys=("work",)))
    for tool in (write, forget):
        with pytest.raises(ToolFailure, match="must be one of: work"):
            call(tool, key="likes", value="x")
    with pytest.raises(ToolFailure, match="Nothing is remembered under work"):
        call(forget, key="work")


def test_what_does_not_fit_is_told_as_librechat_does(world: World, ada: UserClient) -> None:
    write, _ = world.tools(ada, MemorySettings(token_limit=5))
    call(write, key="drinks", value="She likes tea.")
    output = call(write, key="work", value="She likes to work.")
    assert output.is_error
    told = about(output)
    assert (told["key"], told["type"], told["tokenCount"]) == ("system", "error", 4)
    over = {"errorType": "would_exceed", "tokenCount": 4, "totalTokens": 9, "tokenLimit": 5}
    assert json.loads(told["value"]) == over
    # What takes no more room than before is no question of room.
    call(write, key="drinks", value="She hates tea.")
    full, _ = world.tools(ada, MemorySettings(token_limit=3))
    over = {"errorType": "already_exceeded", "tokenCount": 1, "totalTokens": 4, "tokenLimit": 3}
    assert json.loads(about(call(full, key="work", value="x"))["value"]) == over
    assert held(ada) == {"drinks": "She hates tea."}


def test_several_at_once_keep_the_limit(world: World, ada: UserClient) -> None:
    write, _ = world.tools(ada, MemorySettings(token_limit=9))

    async def all_at_once() -> list[ToolOutput]:
        calls = [write.call(Called(key, {"key": key, "value": "She likes tea."})) for key in "abcd"]
        return list(await asyncio.gather(*calls))

    assert sorted(each.is_error for each in asyncio.run(all_at_once())) == [False, False, True, True]
    assert len(held(ada)) == 2


def test_only_for_who_wants_it_and_may(
    world: World, ada: UserClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "CHECK_SECONDS", 0.0)
    assert world.offer(ada, names=("web_search",)) == Offer()
    assert [each.spec.name for each in world.offer(ada, names=("delete_memory",)).tools] == ["delete_memory"]
    assert world.offer(ada, rules=AgentSettings(capabilities=("tools",))) == Offer()
    assert world.offer(ada, replace(MemorySettings(), enabled=False)) == Offer()
    users = world.database.collection("users")
    users.update_one({"email": ada.email}, {"$set": {"personalization": {"memories": False}}})
    assert world.offer(ada) == Offer()
    users.update_one({"email": ada.email}, {"$set": {"personalization": {}, "role": "NOBODY"}})
    assert world.offer(ada) == Offer()
