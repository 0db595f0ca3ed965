"""Agents: found by their ids, changed by several at once, and never larger than a document may be."""

from collections.abc import Mapping
from typing import Any

import bson
import pytest
from bson import ObjectId

from storage.agents.agent_lists import Wanted
from storage.agents.agents import AgentRepository
from storage.agents.versions import VERSIONS_BYTES
from storage.core.database import Database, Document
from storage.core.errors import Conflict, NotFound
from storage.core.repository import owner_id
from tests.support.threads import together

UNKNOWN = "agent_" + "x" * 21


@pytest.fixture
def agents(database: Database) -> AgentRepository:
    return AgentRepository(database)


def make(agents: AgentRepository, owner: str, **fields: Any) -> Document:
    said = {"name": "Helper", "provider": "openAI", "model": "gpt-4o", **fields}
    return agents.insert(owner, agents.make(owner, said))


def stored(database: Database, agent: Mapping[str, Any]) -> Document:
    return database.collection("agents").find_one({"id": agent["id"]}) or {}


class TestInsert:
    def test_stores_what_was_made(self, agents: AgentRepository, database: Database, ada: str) -> None:
        made = make(agents, ada, temperature=1, is_promoted=True)
        document = stored(database, made)
        assert document.pop("versions")
        assert made.pop("version") == 1
        assert document == made
        assert (made["author"], made["is_promoted"]) == (owner_id(ada), False)
        assert "temperature" not in made

    def test_each_has_an_id_of_its_own(self, agents: AgentRepository, ada: str) -> None:
        assert len({agents.make(ada, {})["id"] for _ in range(50)}) == 50


class TestGet:
    def test_counts_versions_and_leaves_them_out(self, agents: AgentRepository, ada: str) -> None:
        made = make(agents, ada)
        assert agents.get(made["id"]) == made
        assert agents.identify(made["id"]) == made["_id"]

    def test_knows_no_others(self, agents: AgentRepository, ada: str) -> None:
        for ask in (agents.get, agents.identify, agents.versions, agents.delete):
            with pytest.raises(NotFound):
                ask(UNKNOWN)
        with pytest.raises(NotFound):
            agents.update(ada, UNKNOWN, {})


class TestUpdate:
    def test_says_who_did_it(self, agents: AgentRepository, database: Database, ada: str, bob: str) -> None:
        made = make(agents, ada)
        changed = agents.update(bob, made["id"], {"name": "Other", "author": "x", "is_promoted": True})
        assert (changed["name"], changed["author"], changed["version"]) == ("Other", owner_id(ada), 2)
        assert changed["is_promoted"] is False
        assert stored(database, made)["versions"][1]["updatedBy"] == owner_id(bob)

    def test_tells_which_servers_the_tools_are_of(self, agents: AgentRepository, ada: str) -> None:
        made = make(agents, ada, tools=["a_mcp_one"])
        assert made["mcpServerNames"] == ["one"]
        assert agents.update(ada, made["id"], {"tools": ["b"]})["mcpServerNames"] == []

    def test_of_several_at_once_none_is_lost(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        made = make(agents, ada)
        fields = ("name", "description", "instructions")

        def change(number: int) -> None:
            agents.update(ada, made["id"], {fields[number % 3]: f"text {number}"})

        together(change, 3)
        document = stored(database, made)
        assert [document[name] for name in fields] == ["text 0", "text 1", "text 2"]
        assert len(document["versions"]) == 4
        # The last version is what the agent is.
        assert [document["versions"][-1][name] for name in fields] == ["text 0", "text 1", "text 2"]

    def test_gives_up_where_others_change_it_all_the_time(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        made = make(agents, ada)

        def disturbed(agent: Document) -> Document:
            database.collection("agents").update_one(
                {"_id": agent["_id"]}, {"$currentDate": {"updatedAt": True}}
            )
            return {"name": "Mine"}

        with pytest.raises(Conflict):
            agents._change(made["id"], disturbed, editor=ada)
        assert stored(database, made)["name"] == "Helper"

    def test_the_oldest_versions_go_where_there_is_no_room(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        made = make(agents, ada)
        for number in range(12):
            agents.update(ada, made["id"], {"instructions": f"{number:02}" + "x" * 1_000_000})
        document = stored(database, made)
        assert [each["instructions"][:2] for each in document["versions"]] == [
            *("04", "05", "06", "07", "08", "09", "10", "11")
        ]
        assert len(bson.encode(document)) < VERSIONS_BYTES + 1_100_000
        assert agents.get(made["id"])["version"] == 8

    def test_takes_an_agent_of_an_old_librechat(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        old = {"_id": ObjectId(), "id": "agent_old", "author": owner_id(ada), "provider": "openAI"}
        database.collection("agents").insert_one(old)
        changed = agents.update(ada, "agent_old", {"name": "New"})
        assert (changed["name"], changed["version"]) == ("New", 1)


class TestRevert:
    def test_takes_nothing_that_is_not_an_editors(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        made = make(agents, ada)
        forged = {"name": "Old", "is_promoted": True, "author": 1, "id": "x", "updatedBy": 1, "createdAt": 1}
        database.collection("agents").update_one({"_id": made["_id"]}, {"$push": {"versions": forged}})
        back = agents.revert(ada, made["id"], 1)
        assert back["name"] == "Old"
        same = ("is_promoted", "author", "id", "createdAt")
        assert [back[name] for name in same] == [made[name] for name in same]
        assert "updatedBy" not in back

    @pytest.mark.parametrize("index", [-1, 1])
    def test_knows_no_others(self, agents: AgentRepository, ada: str, index: int) -> None:
        made = make(agents, ada)
        with pytest.raises(NotFound):
            agents.revert(ada, made["id"], index)


class TestFiles:
    def test_of_several_at_once_all_stay(self, agents: AgentRepository, ada: str) -> None:
        made = make(agents, ada)

        def add(number: int) -> None:
            agents.change_files(
                ada,
                made["id"],
                lambda agent: {"context": {"file_ids": [*ids_of(agent), str(number)]}},
            )

        together(add, 3)
        changed = agents.get(made["id"])
        assert sorted(ids_of(changed)) == ["0", "1", "2"]
        assert changed["version"] == 1


def ids_of(agent: Document) -> list[str]:
    ids: list[str] = agent.get("tool_resources", {}).get("context", {}).get("file_ids", [])
    return ids


class TestList:
    def test_has_these_and_no_others(self, agents: AgentRepository, ada: str, bob: str) -> None:
        mine, theirs, other = make(agents, ada), make(agents, bob), make(agents, ada)
        page = agents.list_page([mine["_id"], theirs["_id"], ObjectId()], Wanted(), limit=10)
        assert [each["id"] for each in page.items] == [theirs["id"], mine["id"]]
        assert other["id"]
        assert not {"instructions", "provider", "versions", "tools"} & page.items[0].keys()

    def test_a_search_finds_no_pattern(self, agents: AgentRepository, ada: str) -> None:
        made = make(agents, ada, name="A (b)*", description=None)
        for text, expected in (("(B)*", 1), (".*", 0), ("a  (b)", 0)):
            assert len(agents.list_page([made["_id"]], Wanted(search=text), limit=10).items) == expected

    def test_counts_by_category(self, agents: AgentRepository, database: Database, ada: str) -> None:
        made = [make(agents, ada, category=name) for name in ("hr", "hr", "it")]
        database.collection("agents").update_one({"_id": made[0]["_id"]}, {"$set": {"is_promoted": True}})
        assert agents.count([each["_id"] for each in made]) == ({"hr": 2, "it": 1}, 1)
        assert agents.count([]) == ({}, 0)


class TestDelete:
    def test_takes_one_away(self, agents: AgentRepository, ada: str) -> None:
        made, other = make(agents, ada), make(agents, ada)
        agents.delete(made["id"])
        with pytest.raises(NotFound):
            agents.get(made["id"])
        assert agents.get(other["id"]) == other
