"""Agents: `/api/agents` of LibreChat's contract."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from echo.agents import service
from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.handlers.librechat.conftest import Allow
from tests.support.waiting import until

AGENTS = "/chat/api/agents"
NEW = {"name": "Helper", "instructions": "Be kind.", "provider": "openAI", "model": "gpt-4o"}
UNKNOWN = "agent_" + "x" * 21
# What whoever may only use an agent learns of it.
SEEN = {
    *("_id", "id", "name", "provider", "model", "model_parameters", "conversation_starters"),
    *("owner_contact", "isPublic", "version", "createdAt", "updatedAt"),
}
Share = Callable[..., None]


def create(user: UserClient, **fields: Any) -> dict[str, Any]:
    response = user.post(AGENTS, json={**NEW, **fields})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def change(user: UserClient, agent: dict[str, Any], **fields: Any) -> dict[str, Any]:
    response = user.patch(f"{AGENTS}/{agent['id']}", json=fields)
    assert response.status_code == 200, response.text
    changed: dict[str, Any] = response.json()
    return changed


def listed(user: UserClient, **query: Any) -> list[str]:
    response = user.get(AGENTS, params=query)
    assert response.status_code == 200, response.text
    return [each["id"] for each in response.json()["data"]]


@pytest.fixture
def share(stored: Stored) -> Share:
    """Lets a user, or everybody, do so much with an agent, as LibreChat's grants do."""

    def grant(agent: dict[str, Any], bits: int, user: UserClient | None = None) -> None:
        whom = (
            {"principalType": "public"}
            if user is None
            else {"principalType": "user", "principalId": ObjectId(user.id), "principalModel": "User"}
        )
        about = {"resourceType": "agent", "resourceId": ObjectId(agent["_id"]), "permBits": bits}
        stored.aclentries.insert_one({**whom, **about})

    return grant


@pytest.fixture
def without(stored: Stored) -> Callable[[UserClient, str], None]:
    """Gives a user a role that lacks one permission on agents."""

    def take(user: UserClient, permission: str) -> None:
        name = f"role-{uuid.uuid4().hex}"
        said = {"USE": True, "CREATE": True, permission: False}
        stored.roles.insert_one({"name": name, "permissions": {"AGENTS": said}})
        stored.users.update_one({"_id": ObjectId(user.id)}, {"$set": {"role": name}})

    return take


class TestCreate:
    def test_needs_a_session(self, api: Client) -> None:
        assert api.post(AGENTS, json=NEW).status_code == 401

    def test_answers_as_librechat_does(self, ada: UserClient) -> None:
        made = create(ada)
        assert made == {
            **NEW,
            **{name: made[name] for name in ("_id", "id", "createdAt", "updatedAt")},
            "author": ada.id,
            "owner_contact": {"name": "ada"},
            "category": "general",
            "version": 1,
            "tools": [],
            "tool_kwargs": [],
            "agent_ids": [],
            "edges": [],
            "conversation_starters": [],
            "mcpServerNames": [],
            "is_promoted": False,
            "__v": 0,
        }
        assert len(made["id"]) == 27
        assert made["id"].startswith("agent_")

    def test_stores_what_librechat_stores(self, ada: UserClient, stored: Stored) -> None:
        made = create(
            ada, model_parameters={"temperature": "0.5", "top_p": "x", "stop": "", "reasoning": None}
        )
        agent = stored.agents.find_one({"id": made["id"]})
        assert agent is not None
        said = {**NEW, "model_parameters": {"temperature": 0.5}}
        dates = {"createdAt": agent["createdAt"], "updatedAt": agent["updatedAt"]}
        assert agent["versions"] == [{**said, "id": made["id"], "category": "general", **dates}]
        assert agent["author"] == ObjectId(ada.id)
        assert agent["model_parameters"] == {"temperature": 0.5}
        grants = list(stored.aclentries.find({"resourceId": agent["_id"]}))
        assert {(each["resourceType"], each["permBits"]) for each in grants} == {
            ("agent", 15),
            ("remoteAgent", 15),
        }
        assert {each["principalId"] for each in grants} == {ObjectId(ada.id)}

    def test_keeps_tools_as_they_are_sent(self, ada: UserClient) -> None:
        tools = ["web_search", "find_mcp_my_server", "get_action_example---com", "sys__all__sys_mcp_other"]
        made = create(ada, tools=tools)
        assert made["tools"] == tools
        assert made["mcpServerNames"] == ["my_server", "other"]

    def test_an_empty_source_of_an_edge_is_the_agent_itself(self, ada: UserClient) -> None:
        made = create(ada, edges=[{"from": "", "to": "agent_b"}, {"from": ["", "agent_c"], "to": "agent_b"}])
        assert [each["from"] for each in made["edges"]] == [made["id"], [made["id"], "agent_c"]]

    def test_null_says_nothing(self, ada: UserClient) -> None:
        made = create(ada, description=None, tools=None, support_contact={"name": "", "email": ""})
        assert "description" not in made
        assert made["owner_contact"] == {"name": "ada"}

    def test_what_is_the_servers_cannot_be_said(self, ada: UserClient, bob: UserClient) -> None:
        said = {"is_promoted": True, "author": bob.id, "id": UNKNOWN, "avatar": {"filepath": "http://x"}}
        made = create(ada, **said)
        assert (made["is_promoted"], made["author"]) == (False, ada.id)
        assert made["id"] != UNKNOWN
        assert "avatar" not in made

    @pytest.mark.parametrize(
        "fields",
        [
            {"model": None},
            {"provider": ""},
            {"tools": ["x" * 600]},
            {"edges": [{"from": 5, "to": "a"}]},
            {"memory_scope": "all"},
            {"tool_resources": {"other": {}}},
        ],
    )
    def test_refuses_what_is_none(self, ada: UserClient, fields: dict[str, Any]) -> None:
        response = ada.post(AGENTS, json={**NEW, **fields})
        assert (response.status_code, response.json()["code"]) == (400, "validation_failed")

    def test_of_files_only_the_callers_own_count(self, ada: UserClient, bob: UserClient) -> None:
        mine, theirs = (
            user.post("/api/files", files={"file": ("a.txt", b"text", "text/plain")}).json()["file_id"]
            for user in (ada, bob)
        )
        made = create(ada, tool_resources={"context": {"file_ids": [mine, theirs, "none"]}})
        assert made["tool_resources"] == {"context": {"file_ids": [mine]}}

    def test_one_user_has_so_many(self, ada: UserClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MAX_AGENTS", 1)
        create(ada)
        response = ada.post(AGENTS, json=NEW)
        assert (response.status_code, response.json()["code"]) == (422, "too_many_agents")

    @pytest.mark.parametrize("permission", ["USE", "CREATE"])
    def test_needs_the_permissions(
        self, ada: UserClient, without: Callable[[UserClient, str], None], permission: str
    ) -> None:
        without(ada, permission)
        response = ada.post(AGENTS, json=NEW)
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_permissions")


class TestList:
    def test_is_empty_at_first(self, ada: UserClient) -> None:
        empty = {"object": "list", "data": [], "first_id": None, "last_id": None}
        # Nothing that others of this run share with everybody.
        response = ada.get(AGENTS, params={"requiredPermission": 2, "limit": 1000})
        assert response.json() == {**empty, "has_more": False, "after": None}

    def test_has_the_callers_own(self, ada: UserClient, bob: UserClient) -> None:
        made = create(ada, description="What for", support_contact={"email": "help@example.com"})
        body = ada.get(AGENTS, params={"requiredPermission": 2}).json()
        assert body["data"] == [
            {
                **{name: made[name] for name in ("_id", "id", "name", "description", "author", "updatedAt")},
                "category": "general",
                "is_promoted": False,
                "conversation_starters": [],
                "support_contact": {"email": "help@example.com"},
                "isEditable": True,
            }
        ]
        assert (body["first_id"], body["last_id"]) == (made["id"], made["id"])
        assert made["id"] not in listed(bob, limit=1000)

    def test_has_what_is_shared(self, ada: UserClient, bob: UserClient, share: Share) -> None:
        viewed, edited, public = create(ada), create(ada), create(ada)
        share(viewed, 1, bob)
        share(edited, 3, bob)
        share(public, 1)
        found = {each["id"]: each for each in bob.get(AGENTS, params={"limit": 1000}).json()["data"]}
        assert {viewed["id"], edited["id"], public["id"]} <= found.keys()
        assert [found[each["id"]]["isEditable"] for each in (viewed, edited, public)] == [False, True, False]
        assert [found[each["id"]].get("isPublic") for each in (viewed, edited, public)] == [None, None, True]
        assert "author" not in found[viewed["id"]]
        assert listed(bob, requiredPermission=2) == [edited["id"]]

    def test_has_the_last_changed_first_in_pages(self, ada: UserClient) -> None:
        agents = [create(ada) for _ in range(3)]
        change(ada, agents[0], name="Changed")
        query = {"requiredPermission": 2, "limit": 2}
        first = ada.get(AGENTS, params=query).json()
        assert [each["id"] for each in first["data"]] == [agents[0]["id"], agents[2]["id"]]
        assert first["has_more"] is True
        second = ada.get(AGENTS, params={**query, "cursor": first["after"]}).json()
        assert [each["id"] for each in second["data"]] == [agents[1]["id"]]
        assert (second["has_more"], second["after"]) == (False, None)

    def test_filters(self, ada: UserClient, stored: Stored, may: Allow) -> None:
        may(MARKETPLACE=["USE"])
        plain, sales = create(ada, description="Über Verträge"), create(ada, category="sales")
        stored.agents.update_one({"id": sales["id"]}, {"$set": {"is_promoted": True}})
        mine = {"requiredPermission": 8}
        assert listed(ada, **mine, category="sales") == [sales["id"]]
        assert listed(ada, **mine, promoted=1) == [sales["id"]]
        assert listed(ada, **mine, promoted=0) == [plain["id"]]
        assert listed(ada, **mine, search="uber vertr") == [plain["id"]]
        assert listed(ada, **mine, search="HELPER") == [sales["id"], plain["id"]]
        assert listed(ada, **mine, search=".*") == []

    @pytest.mark.parametrize("query", [{"category": "sales"}, {"promoted": 0}])
    def test_as_the_marketplace_asks_needs_its_permission(
        self, ada: UserClient, query: dict[str, Any]
    ) -> None:
        answer = ada.get(AGENTS, params=query)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")

    @pytest.mark.parametrize("query", [{"requiredPermission": 16}, {"promoted": 2}, {"limit": "x"}])
    def test_refuses_what_is_none(self, ada: UserClient, query: dict[str, Any]) -> None:
        assert ada.get(AGENTS, params=query).status_code == 400

    def test_a_cursor_is_of_its_list(self, ada: UserClient, may: Allow) -> None:
        may(MARKETPLACE=["USE"])
        create(ada)
        create(ada)
        after = ada.get(AGENTS, params={"requiredPermission": 2, "limit": 1}).json()["after"]
        response = ada.get(AGENTS, params={"cursor": after, "category": "sales"})
        assert (response.status_code, response.json()["code"]) == (400, "broken_cursor")

    def test_needs_the_permission(self, ada: UserClient, without: Callable[[UserClient, str], None]) -> None:
        without(ada, "USE")
        assert ada.get(AGENTS).status_code == 403


class TestRead:
    def test_its_maker_gets_all_of_it(self, ada: UserClient) -> None:
        made = create(ada)
        whole = {**made, "isPublic": False}
        assert ada.get(f"{AGENTS}/{made['id']}").json() == whole
        assert ada.get(f"{AGENTS}/{made['id']}/expanded").json() == whole

    def test_who_only_uses_it_does_not_see_how_it_is_made(
        self, ada: UserClient, bob: UserClient, share: Share
    ) -> None:
        made = create(ada, model_parameters={"temperature": 1, "useResponsesApi": True}, tools=["secret"])
        share(made, 1)
        seen = bob.get(f"{AGENTS}/{made['id']}").json()
        assert seen.keys() == SEEN
        assert seen["model_parameters"] == {"useResponsesApi": True}
        assert seen["isPublic"] is True
        assert seen["owner_contact"] == {"name": "ada"}

    def test_an_editor_gets_all_but_the_author(self, ada: UserClient, bob: UserClient, share: Share) -> None:
        made = create(ada)
        share(made, 3, bob)
        shown = {name: value for name, value in made.items() if name != "author"}
        assert bob.get(f"{AGENTS}/{made['id']}/expanded").json() == {**shown, "isPublic": False}

    def test_a_name_that_is_an_address_is_not_told(self, ada: UserClient, stored: Stored) -> None:
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"name": "ada@example.com"}})
        assert create(ada)["owner_contact"] == {"name": "ada"}

    def test_reads_what_librechat_may_have_written(self, ada: UserClient, stored: Stored) -> None:
        made = create(ada)
        odd = {"name": None, "tools": [None, "a"], "edges": None, "versions": None, "model_parameters": 5}
        stored.agents.update_one(
            {"id": made["id"]}, {"$set": {**odd, "avatar": {"at": 5, "source": "local"}}}
        )
        read = ada.get(f"{AGENTS}/{made['id']}").json()
        assert (read["tools"], read["version"], read["avatar"]) == (["a"], 0, {"source": "local"})
        assert not {"name", "edges", "model_parameters"} & read.keys()

    def test_reads_versions_of_any_kind(self, ada: UserClient, stored: Stored) -> None:
        made = create(ada)
        odd = [{"name": 5, "updatedAt": "never", "at": ObjectId(ada.id), "n": float("nan")}, None, "x"]
        stored.agents.update_one({"id": made["id"]}, {"$set": {"versions": odd}})
        assert ada.get(f"{AGENTS}/{made['id']}/versions").json() == [{"at": ada.id, "n": None}, {}, {}]

    def test_nulls_within_say_nothing(self, ada: UserClient) -> None:
        resources = {"context": None, "file_search": {"file_ids": None, "vector_store_ids": ["v"]}}
        made = create(ada, support_contact={"name": None, "email": None}, tool_resources=resources)
        assert made["support_contact"] == {}
        assert made["tool_resources"] == {"file_search": {"file_ids": [], "vector_store_ids": ["v"]}}


class TestAccess:
    """Who may do what: one table for all operations on one agent."""

    REQUESTS = (
        ("GET", "", None, 1),
        ("GET", "/expanded", None, 2),
        ("GET", "/versions", None, 2),
        ("PATCH", "", {"name": "Other"}, 2),
        ("POST", "/revert", {"version_index": 0}, 2),
        ("POST", "/duplicate", None, 2),
        ("DELETE", "", None, 4),
    )

    @pytest.mark.parametrize(("method", "path", "body", "needed"), REQUESTS)
    def test_each_needs_its_right(
        self,
        ada: UserClient,
        bob: UserClient,
        share: Share,
        *,
        method: str,
        path: str,
        body: Any,
        needed: int,
    ) -> None:
        agent = create(ada)

        def ask() -> int:
            status: int = bob.request(method, f"{AGENTS}/{agent['id']}{path}", json=body).status_code
            return status

        absent = bob.request(method, f"{AGENTS}/{UNKNOWN}{path}", json=body)
        assert (ask(), absent.status_code) == (404, 404)
        share(agent, 1, bob)
        assert ask() == (200 if needed == 1 else 403)
        share(agent, needed, bob)
        assert ask() in (200, 201)

    @pytest.mark.parametrize(("method", "path", "body", "needed"), REQUESTS)
    def test_a_role_without_agents_has_none(
        self,
        ada: UserClient,
        without: Callable[[UserClient, str], None],
        *,
        method: str,
        path: str,
        body: Any,
        needed: int,
    ) -> None:
        agent = create(ada)
        without(ada, "USE" if method == "GET" else "CREATE")
        assert needed
        response = ada.request(method, f"{AGENTS}/{agent['id']}{path}", json=body)
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_permissions")


class TestUpdate:
    def test_changes_what_is_named(self, ada: UserClient) -> None:
        made = create(ada, description="Old")
        changed = change(ada, made, name="Other", category=None)
        assert (changed["name"], changed["description"], changed["category"]) == ("Other", "Old", "general")
        assert changed["version"] == 2
        assert changed["updatedAt"] > made["updatedAt"]

    def test_the_same_again_adds_no_version(self, ada: UserClient) -> None:
        made = create(ada, tools=["a", "b"], model_parameters={"temperature": 1})
        again = change(
            ada, made, name="Helper", tools=["b", "a"], artifacts="", end_after_tools=False, edges=[]
        )
        assert again["version"] == 1
        assert change(ada, made, tools=["b"])["version"] == 2

    def test_nothing_changes_nothing(self, ada: UserClient) -> None:
        made = create(ada)
        assert change(ada, made) == made

    def test_null_takes_the_picture_away(self, ada: UserClient, stored: Stored) -> None:
        made = create(ada)
        picture = {"filepath": "/images/x.png", "source": "local"}
        stored.agents.update_one({"id": made["id"]}, {"$set": {"avatar": picture}})
        assert change(ada, made, avatar={"filepath": "http://x", "source": "url"})["avatar"] == picture
        assert "avatar" not in change(ada, made, avatar=None)

    def test_an_editor_keeps_the_files_of_others_that_are_there(
        self, ada: UserClient, bob: UserClient, share: Share
    ) -> None:
        upload = {"file": ("a.txt", b"text", "text/plain")}
        there, other, own = (
            user.post("/api/files", files=upload).json()["file_id"] for user in (ada, ada, bob)
        )
        made = create(ada, tool_resources={"context": {"file_ids": [there]}})
        share(made, 3, bob)
        changed = change(bob, made, tool_resources={"context": {"file_ids": [there, other, own]}})
        assert changed["tool_resources"] == {"context": {"file_ids": [there, own]}}


class TestVersions:
    def test_are_whole_copies(self, ada: UserClient) -> None:
        made = create(ada)
        change(ada, made, instructions="Be brief.")
        first, second = ada.get(f"{AGENTS}/{made['id']}/versions").json()
        assert {name: first[name] for name in NEW} == NEW
        assert second["instructions"] == "Be brief."
        assert second["updatedBy"] == ada.id
        assert not {"_id", "id", "author", "versions", "__v"} & second.keys()

    def test_an_agent_can_go_back(self, ada: UserClient, stored: Stored) -> None:
        made = create(ada)
        change(ada, made, instructions="Be brief.", description="New")
        stored.agents.update_one({"id": made["id"]}, {"$set": {"is_promoted": True}})
        back = ada.post(f"{AGENTS}/{made['id']}/revert", json={"version_index": 0}).json()
        # What the version does not have stays, as in LibreChat.
        assert (back["instructions"], back["description"], back["version"]) == ("Be kind.", "New", 2)
        assert back["is_promoted"] is True
        assert back["createdAt"] == made["createdAt"]

    def test_a_whole_number_is_an_integer_however_it_is_written(self, ada: UserClient) -> None:
        made = create(ada)
        change(ada, made, instructions="Be brief.")
        back = ada.post(f"{AGENTS}/{made['id']}/revert", json={"version_index": 0.0})
        assert (back.status_code, back.json()["instructions"]) == (200, "Be kind.")

    def test_no_version_is_none(self, ada: UserClient) -> None:
        made = create(ada)
        response = ada.post(f"{AGENTS}/{made['id']}/revert", json={"version_index": 1})
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
        assert ada.post(f"{AGENTS}/{made['id']}/revert", json={"version_index": -1}).status_code == 400

    def test_large_ones_are_sent_in_portions(self, ada: UserClient) -> None:
        made = create(ada)
        for letter in "abc":
            change(ada, made, instructions=letter * 100_000, description=letter * 10_000)
        texts = [{"text": "x" * 1000} for _ in range(100)]
        for index in range(10):
            change(ada, made, subagents={"n": index, "all": texts})
        versions = ada.get(f"{AGENTS}/{made['id']}/versions").json()
        assert len(versions) == 14
        assert [each["subagents"]["n"] for each in versions[4:]] == list(range(10))


class TestDuplicate:
    def test_is_the_callers_own(self, ada: UserClient, bob: UserClient, share: Share) -> None:
        made = create(ada, edges=[{"from": "", "to": "agent_b"}], tools=["a"])
        share(made, 3, bob)
        body = bob.post(f"{AGENTS}/{made['id']}/duplicate").json()
        copy = body["agent"]
        assert body["actions"] == []
        assert copy["name"].startswith("Helper (")
        assert (copy["author"], copy["version"], copy["tools"]) == (bob.id, 1, ["a"])
        assert copy["edges"] == [{"from": copy["id"], "to": "agent_b"}]
        assert bob.delete(f"{AGENTS}/{copy['id']}").status_code == 200
        assert ada.get(f"{AGENTS}/{copy['id']}").status_code == 404

    def test_a_name_stays_as_short_as_one_may_be(self, ada: UserClient) -> None:
        made = create(ada, name="x" * 256)
        copy = ada.post(f"{AGENTS}/{made['id']}/duplicate").json()["agent"]
        assert change(ada, copy, name=copy["name"])["version"] == 1


class TestDelete:
    def test_nothing_is_left_of_it(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        made = create(ada)
        edges = [
            {"from": "agent_a", "to": made["id"]},
            {"from": "agent_a", "to": [made["id"], "agent_b"]},
            {"from": made["id"], "to": "agent_b"},
        ]
        other = create(bob, edges=edges)
        favorites = [{"agentId": made["id"]}, {"agentId": other["id"]}]
        stored.users.update_one({"_id": ObjectId(bob.id)}, {"$set": {"favorites": favorites}})
        assert ada.delete(f"{AGENTS}/{made['id']}").json() == {"message": "Agent deleted"}
        assert ada.get(f"{AGENTS}/{made['id']}").status_code == 404
        assert stored.agents.count_documents({"id": made["id"]}) == 0
        assert stored.aclentries.count_documents({"resourceId": ObjectId(made["_id"])}) == 0
        assert bob.get(f"{AGENTS}/{other['id']}").json()["edges"] == [{"from": "agent_a", "to": ["agent_b"]}]
        user = stored.users.find_one({"_id": ObjectId(bob.id)}) or {}
        assert user["favorites"] == [{"agentId": other["id"]}]


class TestCategories:
    def test_count_what_the_caller_may_see(
        self, ada: UserClient, bob: UserClient, share: Share, stored: Stored
    ) -> None:
        made = create(ada, category="hr")
        create(ada, category="hr")
        share(made, 1, bob)
        before = {each["value"]: each for each in ada.get(f"{AGENTS}/categories").json()}
        values = ["general", "hr", "rd", "finance", "it", "sales", "aftersales", "all"]
        assert [each for each in before if each != "promoted"] == values
        assert before["hr"]["count"] - before_of(bob) == 1
        label = "com_agents_category_hr"
        shown = {"value": "hr", "label": label, "description": f"{label}_description"}
        assert {name: before["hr"][name] for name in shown} == shown
        assert before["all"] == {"value": "all", "label": "All", "description": "All available agents"}
        stored.agents.update_one({"id": made["id"]}, {"$set": {"is_promoted": True}})
        first = bob.get(f"{AGENTS}/categories").json()[0]
        assert (first["value"], first["label"]) == ("promoted", "Promoted")


class TestChat:
    """As LibreChat's client talks with an agent; what is asked of the model is in tests/agents."""

    def test_the_agent_answers(self, ada: UserClient) -> None:
        made = create(ada)
        said = {"text": "Hello", "endpoint": "agents", "agent_id": made["id"], "parentMessageId": None}
        started = ada.post("/chat/api/agents/chat/agents", json=said)
        assert started.status_code == 200, started.text
        there = started.json()["conversationId"]
        until(lambda: there not in ada.get("/chat/api/agents/chat/active").json()["activeJobIds"])
        conversation = ada.get(f"/chat/api/convos/{there}").json()
        assert (conversation["endpoint"], conversation["agent_id"]) == ("agents", made["id"])
        answer = ada.get(f"/chat/api/messages/{there}").json()[-1]
        assert (answer["sender"], answer["model"], answer["endpoint"]) == ("Helper", made["id"], "agents")

    def test_of_anothers_agent_there_is_nothing(self, ada: UserClient, bob: UserClient) -> None:
        said = {"text": "Hello", "endpoint": "agents"}
        answers = [
            bob.post("/chat/api/agents/chat/agents", json={**said, "agent_id": agent_id})
            for agent_id in (create(ada)["id"], UNKNOWN)
        ]
        assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "not_found")] * 2

    def test_no_agent_is_refused(self, ada: UserClient) -> None:
        response = ada.post("/chat/api/agents/chat/agents", json={"text": "Hello", "endpoint": "agents"})
        assert (response.status_code, response.json()["code"]) == (422, "no_agent")


def before_of(user: UserClient) -> int:
    (found,) = (each for each in user.get(f"{AGENTS}/categories").json() if each["value"] == "hr")
    count: int = found["count"]
    return count


def test_there_are_no_actions(ada: UserClient) -> None:
    assert ada.get(f"{AGENTS}/actions").json() == []
