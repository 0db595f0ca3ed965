"""Agents: found by their ids, changed by several at once, and never larger than a document may be."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import bson
import pytest
from bson import ObjectId

from storage.agents import agent_lists
from storage.agents.agent_lists import Wanted
from storage.agents.agents import AgentRepository
from storage.agents.versions import VERSIONS_BYTES
from storage.core.database import Database, Document
from storage.core.errors import BrokenCursor, Conflict, NotFound, TookTooLong
from storage.core.repository import owner_id
from storage.core.stop import Stop
from tests.support.threads import together

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
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

    def test_begins_as_librechats_do(self, agents: AgentRepository, ada: str, bob: str) -> None:
        made = agents.make(ada, {"tools": ["a_mcp_b"], "edges": [{"from": "", "to": "x"}], "category": ""})
        assert re.fullmatch("agent_[A-Za-z0-9_-]{21}", made["id"])
        edges = [{"from": made["id"], "to": "x"}]
        said = {"category": "general", "edges": edges}
        assert made["createdAt"] == made["updatedAt"]
        times = dict.fromkeys(("createdAt", "updatedAt"), made["createdAt"])
        assert made == {
            "_id": made["_id"],
            "id": made["id"],
            "author": ObjectId(ada),
            "tools": ["a_mcp_b"],
            "tool_kwargs": [],
            "agent_ids": [],
            "conversation_starters": [],
            "is_promoted": False,
            "mcpServerNames": ["b"],
            "versions": [
                {"id": made["id"], "tools": ["a_mcp_b"], **said, "edges": [{"from": "", "to": "x"}], **times}
            ],
            "__v": 0,
            **said,
            **times,
        }
        # Whose it is is said again where it is stored.
        agents.insert(bob, made)
        assert agents.get(made["id"])["author"] == ObjectId(bob)
        assert agents.make(ada, {"category": "hr"})["category"] == "hr"

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

    def test_gives_edges_their_agent_and_a_later_date(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        """By its date one change is told from another, even within one millisecond."""
        made, future = make(agents, ada), datetime(2100, 1, 1, tzinfo=UTC)
        database.collection("agents").update_one({"_id": made["_id"]}, {"$set": {"updatedAt": future}})
        changed = agents.update(ada, made["id"], {"edges": [{"from": "", "to": "x"}]})
        assert changed["edges"] == [{"from": made["id"], "to": "x"}]
        assert changed["updatedAt"] == future + timedelta(milliseconds=1)
        again = agents.update(ada, made["id"], {"name": made["name"]})
        # It says what the last one says.
        assert again["version"] == changed["version"] == 2

    def test_gives_up_after_five_times(self, agents: AgentRepository, database: Database, ada: str) -> None:
        made, tries = make(agents, ada), list[int]()

        def disturbed(agent: Document) -> Document:
            tries.append(1)
            if len(tries) != 5:
                change = {"$set": {"updatedAt": agent["updatedAt"] + timedelta(seconds=1)}}
                database.collection("agents").update_one({"_id": agent["_id"]}, change)
            return {"name": "Mine"}

        assert agents._change(made["id"], disturbed, editor=ada)["name"] == "Mine"
        with pytest.raises(Conflict, match=r"^updatedAt "):
            agents._change(made["id"], disturbed, editor=ada)
        assert len(tries) == 5 + 5


class TestRevert:
    def test_makes_no_version(self, agents: AgentRepository, ada: str) -> None:
        made = make(agents, ada, tools=["a_mcp_b"])
        agents.update(ada, made["id"], {"name": "Other", "tools": []})
        back = agents.revert(ada, made["id"], 0)
        assert (back["name"], back["tools"], back["version"]) == ("Helper", ["a_mcp_b"], 2)
        with pytest.raises(NotFound):
            agents.revert("nobody", made["id"], 0)

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

    def test_that_are_gone_are_in_no_agent(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        places = ("context", "execute_code", "file_search", "image_edit", "ocr")
        one, other, odd = (
            make(agents, ada, tool_resources={name: {"file_ids": ids} for name in places})
            for ids in (["gone", "left"], ["left"], "gone")
        )
        database.collection("agents").update_many({}, {"$set": {"updatedAt": LONG_AGO}})
        assert agents.forget_files(ada, ["gone", "more"]) == 1
        assert agents.forget_files(ada, []) == 0
        changed = agents.get(one["id"])
        assert changed["tool_resources"] == {name: {"file_ids": ["left"]} for name in places}
        assert (changed["version"], changed["updatedAt"] > LONG_AGO) == (1, True)
        for each in (other, odd):
            assert agents.get(each["id"]) == {**each, "updatedAt": LONG_AGO}
        with pytest.raises(NotFound):
            agents.forget_files("nobody", ["left"])


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

    def test_has_pages_by_the_last_change(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        made = [make(agents, ada, name=f"a long name {number}") for number in range(4)]
        stored = database.collection("agents")
        for each, year in zip(made, (2021, 2023, 2022, 2022), strict=True):
            stored.update_one({"_id": each["_id"]}, {"$set": {"updatedAt": datetime(year, 1, 1, tzinfo=UTC)}})
        stored.insert_one({"name": "a long name without an id", "_id": "odd"})
        ids: list[Any] = [*(each["_id"] for each in made), "odd"]
        for text in (None, "a long", "A LONG NAME "):
            wanted = Wanted(search=text)
            first = agents.list_page(ids, wanted, limit=3)
            assert [made.index(find(made, each)) for each in first.items] == [1, 3, 2]
            last = agents.list_page(ids, wanted, limit=3, cursor=first.next_cursor)
            assert ([each["id"] for each in last.items], last.next_cursor) == ([made[0]["id"]], None)
            with pytest.raises(BrokenCursor):
                agents.list_page(ids, Wanted("hr", search=text), limit=3, cursor=first.next_cursor)
            with pytest.raises(BrokenCursor):
                agents.list_page(ids, Wanted(None, True, text), limit=3, cursor=first.next_cursor)
        with pytest.raises(BrokenCursor):
            agents.list_page(ids, Wanted(), limit=3, cursor=first.next_cursor)
        summaries = agents.summaries(ids, 3)
        assert [made.index(find(made, each)) for each in summaries] == [1, 2, 3]
        assert summaries[0].keys() == {"_id", "id", "name", "provider", "createdAt"}
        assert agents.ids_of([made[0]["_id"], ObjectId()]) == [made[0]["id"]]

    def test_is_of_a_category_and_of_what_is_recommended(
        self, agents: AgentRepository, database: Database, ada: str
    ) -> None:
        made = [make(agents, ada, category=category, name=category) for category in ("hr", "hr", "it")]
        stored, ids = database.collection("agents"), [each["_id"] for each in made]
        stored.update_one({"_id": ids[0]}, {"$set": {"is_promoted": True}})
        stored.update_one({"_id": ids[2]}, {"$unset": {"is_promoted": ""}})

        def numbers(wanted: Wanted) -> list[int]:
            return sorted(ids.index(each["_id"]) for each in agents.list_page(ids, wanted, limit=9).items)

        found = [numbers(Wanted(promoted=each)) for each in (True, False, None)]
        assert found == [[0], [1, 2], [0, 1, 2]]
        assert numbers(Wanted("hr", False)) == [1]
        assert numbers(Wanted("it")) == [2]

    def test_is_ended_with_a_search(self, agents: AgentRepository, ada: str) -> None:
        stop = Stop(600)
        stop.tell()
        with pytest.raises(TookTooLong):
            agents.list_page([], Wanted(search="x"), limit=1, stop=stop)

    def test_of_those_with_servers(self, agents: AgentRepository, database: Database, ada: str) -> None:
        made = [make(agents, ada, tools=tools) for tools in (["a_mcp_b"], ["web_search"], ["c_mcp_d"])]
        ids = [each["_id"] for each in made]
        expected = {"_id": ids[0], "author": ObjectId(ada), "mcpServerNames": ["b"]}
        assert agents.servers_of(ids[:2]) == [expected]
        with patch.object(agent_lists, "MAX_WITH_SERVERS", 1):
            assert len(agents.servers_of(ids)) == 1

    def test_of_authors_names(self, agents: AgentRepository, database: Database, ada: str) -> None:
        user = {"_id": ObjectId(ada), "name": "n", "username": "u"}
        database.collection("users").insert_one({**user, "email": "e"})
        assert agents.names_of([ObjectId(ada), ObjectId()]) == {user["_id"]: user}

    def test_a_search_finds_no_pattern(self, agents: AgentRepository, ada: str) -> None:
        made = make(agents, ada, name="A (b)*", description=None)
        for text, expected in (("(B)*", 1), (".*", 0), ("a  (b)", 0)):
            assert len(agents.list_page([made["_id"]], Wanted(search=text), limit=10).items) == expected

    def test_counts_by_category(self, agents: AgentRepository, database: Database, ada: str) -> None:
        made = [make(agents, ada, category=name) for name in ("hr", "hr", "it")]
        database.collection("agents").update_one({"_id": made[0]["_id"]}, {"$set": {"is_promoted": True}})
        assert agents.count([each["_id"] for each in made]) == ({"hr": 2, "it": 1}, 1)
        database.collection("agents").update_one({"_id": made[2]["_id"]}, {"$set": {"category": None}})
        assert agents.count([each["_id"] for each in made[1:]]) == ({"hr": 1}, 0)
        assert agents.count([]) == ({}, 0)


class TestDelete:
    def test_takes_one_away(self, agents: AgentRepository, ada: str) -> None:
        made, other = make(agents, ada), make(agents, ada)
        agents.delete(made["id"])
        with pytest.raises(NotFound):
            agents.get(made["id"])
        assert agents.get(other["id"]) == other

    def test_takes_what_names_it_away(self, agents: AgentRepository, database: Database, ada: str) -> None:
        gone = make(agents, ada)["id"]
        edges = [{"from": "a", "to": gone}, {"from": gone, "to": "b"}, {"from": ["a", gone], "to": ["b"]}]
        others = [make(agents, ada, edges=[edge, {"from": "a", "to": "b"}]) for edge in edges]
        users, actions = database.collection("users"), database.collection("actions")
        favorites = [{"agentId": gone}, {"agentId": "other"}, {"model": "m"}]
        users.insert_one({"email": "a", "favorites": favorites})
        actions.insert_many({"agent_id": each, "action_id": each} for each in (gone, "other"))
        agents.delete(gone)
        left = {"from": "a", "to": "b"}
        assert [agents.get(each["id"])["edges"] for each in others] == [
            [left],
            [left],
            [{"from": ["a"], "to": ["b"]}, left],
        ]
        assert (users.find_one({"email": "a"}) or {})["favorites"] == favorites[1:]
        assert [each["agent_id"] for each in actions.find()] == ["other"]


def find(made: list[Document], row: Mapping[str, Any]) -> Document:
    return next(each for each in made if each["id"] == row["id"])
