"""Rights on shared things: every operation on one thing, for everybody who may do more or less with it.

An operation on a kind of thing that can be shared has a line in `CASES`. It is asked by a stranger, a viewer, an
editor and an owner, who are that by a grant to the user, a group, a role or everybody, and by an administrator.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from bson import ObjectId

from echo.access import DELETE, EDIT, SHARE, VIEW, ResourceType, remembered
from storage.core.database import Database, Document
from tests.conftest import MakeUser, UserClient
from tests.security.conftest import faceless
from tests.support.access import grant, no_grants_left
from tests.support.operations import ALL_OPERATIONS


@pytest.fixture(scope="module", autouse=True)
def _changes_count_at_once() -> Iterator[None]:
    """What tests write behind the server's back is not waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remembered, "CHECK_SECONDS", 0.0)
        yield


EDITOR, OWNER = VIEW | EDIT, 15
# The names of parameters that a shared thing's id has in a path: operations with one of these need a line.
IDS = {"agent_id", "groupId", "promptId", "resourceId", "skillId"}


@dataclass(frozen=True)
class Case:
    """An operation: how it is asked (`{id}` is the thing's), and what it `needs` of the caller's bits.

    `make` makes a thing of an owner's, and answers its id in paths; `thing` says what its `_id` is where that is
    another one. `permissions` are those that the role of every caller must have as well.
    """

    method: str
    path: str
    kind: ResourceType
    needs: int
    body: Any = None
    permissions: Any = field(default_factory=dict)
    make: Callable[[UserClient, ResourceType], str] = UserClient.put_thing
    thing: Callable[[Database, str], str] = lambda _database, identifier: identifier
    missing: str = "f" * 24

    def ask(self, user: UserClient, identifier: str) -> Any:
        return user.request(self.method, self.path.replace("{id}", identifier), json=self.body)


def make_agent(user: UserClient, _kind: ResourceType) -> str:
    made = user.post("/chat/api/agents", json={"provider": "openAI", "model": "gpt-4o"})
    return str(made.json()["id"])


def id_of_agent(database: Database, agent_id: str) -> str:
    return str((database.collection("agents").find_one({"id": agent_id}) or {})["_id"])


def make_prompt(user: UserClient, _kind: ResourceType) -> str:
    body = {"prompt": {"prompt": "private"}, "group": {"name": "private prompt"}}
    return str(user.post("/chat/api/prompts", json=body).json()["prompt"]["_id"])


def group_of_prompt(database: Database, prompt_id: str) -> str:
    return str((database.collection("prompts").find_one({"_id": ObjectId(prompt_id)}) or {})["groupId"])


def make_group(user: UserClient, _kind: ResourceType) -> str:
    body = {"prompt": {"prompt": "private"}, "group": {"name": "private prompt"}}
    return str(user.post("/chat/api/prompts", json=body).json()["group"]["_id"])


def make_skill(user: UserClient, _kind: ResourceType) -> str:
    body = {"name": f"private-{secrets.token_hex(8)}", "description": "private"}
    return str(user.post("/chat/api/skills", json=body).json()["_id"])


def make_skill_with_file(user: UserClient, kind: ResourceType) -> str:
    skill_id = make_skill(user, kind)
    path, files = f"/chat/api/skills/{skill_id}/files", {"file": ("a.md", b"private")}
    assert user.post(path, files=files, data={"relativePath": "a.md"}).is_success
    return skill_id


ACTION = {
    "functions": [{"type": "function", "function": {"name": "getWeather"}}],
    "metadata": {
        "domain": "https://weather.example.com",
        "raw_spec": json.dumps(
            {
                "openapi": "3.1.0",
                "servers": [{"url": "https://weather.example.com"}],
                "paths": {"/now": {"get": {"operationId": "getWeather"}}},
            }
        ),
    },
}


def make_action(user: UserClient, kind: ResourceType) -> str:
    """The path of an agent's action."""
    agent_id = make_agent(user, kind)
    made = user.post(f"/chat/api/agents/actions/{agent_id}", json=ACTION)
    return f"{agent_id}/{made.json()[1]['action_id']}"


def action(
    method: str, make: Callable[[UserClient, ResourceType], str], missing: str, body: Any = None
) -> Case:
    path, kind = "/chat/api/agents/actions/{id}", ResourceType.AGENT
    return Case(method, path, kind, EDIT, body, {}, make, agent_of_action, missing)


def agent_of_action(database: Database, path: str) -> str:
    return id_of_agent(database, path.partition("/")[0])


def agent(needs: int, method: str, path: str = "", body: Any = None) -> Case:
    whole, missing = f"/chat/api/agents/{{id}}{path}", f"agent_{'x' * 21}"
    return Case(method, whole, ResourceType.AGENT, needs, body, {}, make_agent, id_of_agent, missing)


def group(needs: int, method: str, path: str = "", body: Any = None) -> Case:
    whole = f"/chat/api/prompts/groups/{{id}}{path}"
    return Case(method, whole, ResourceType.PROMPT_GROUP, needs, body, make=make_group)


def prompt(needs: int, method: str, path: str = "") -> Case:
    whole, kind = f"/chat/api/prompts/{{id}}{path}", ResourceType.PROMPT_GROUP
    return Case(method, whole, kind, needs, make=make_prompt, thing=group_of_prompt)


def skill(needs: int, method: str, path: str = "", body: Any = None) -> Case:
    whole = f"/chat/api/skills/{{id}}{path}"
    return Case(method, whole, ResourceType.SKILL, needs, body, make=make_skill)


def skill_file(needs: int, method: str) -> Case:
    path, kind = "/chat/api/skills/{id}/files/a.md", ResourceType.SKILL
    return Case(method, path, kind, needs, make=make_skill_with_file)


# Nobody may share what Echo does not have.
SHARING = {
    ResourceType.AGENT: "AGENTS",
    ResourceType.PROMPT_GROUP: "PROMPTS",
    ResourceType.SHARED_LINK: "SHARED_LINKS",
    ResourceType.SKILL: "SKILLS",
}
CASES = {
    **{
        f"librechat.get_resource_permissions of {kind}": Case(
            "GET", f"/chat/api/permissions/{kind}/{{id}}", kind, VIEW | SHARE
        )
        for kind in ResourceType
    },
    **{
        f"librechat.update_resource_permissions of {kind}": Case(
            "PUT",
            f"/chat/api/permissions/{kind}/{{id}}",
            kind,
            VIEW | SHARE,
            body={"updated": [], "removed": []},
            permissions={permission: ["SHARE"]},
        )
        for kind, permission in SHARING.items()
    },
    "librechat.get_agent": agent(VIEW, "GET"),
    "librechat.get_expanded_agent": agent(EDIT, "GET", "/expanded"),
    "librechat.list_agent_versions": agent(EDIT, "GET", "/versions"),
    "librechat.update_agent": agent(EDIT, "PATCH", body={"instructions": "Be kind."}),
    "librechat.revert_agent": agent(EDIT, "POST", "/revert", {"version_index": 0}),
    "librechat.duplicate_agent": agent(EDIT, "POST", "/duplicate"),
    "librechat.delete_agent": agent(DELETE, "DELETE"),
    "librechat.save_agent_action": action("POST", make_agent, f"agent_{'x' * 21}", ACTION),
    "librechat.delete_agent_action": action("DELETE", make_action, f"agent_{'x' * 21}/{'y' * 21}"),
    "librechat.get_prompt_group": group(VIEW, "GET"),
    "librechat.use_prompt_group": group(VIEW, "POST", "/use"),
    "librechat.update_prompt_group": group(EDIT, "PATCH", body={"name": "Teller"}),
    "librechat.add_prompt": group(EDIT, "POST", "/prompts", {"prompt": {"prompt": "Hi", "type": "text"}}),
    "librechat.delete_prompt_group": group(DELETE, "DELETE"),
    "librechat.get_prompt": prompt(VIEW, "GET"),
    "librechat.set_production_prompt": prompt(EDIT, "PATCH", "/tags/production"),
    "librechat.delete_prompt": prompt(DELETE, "DELETE"),
    "librechat.get_skill": skill(VIEW, "GET"),
    "librechat.list_skill_files": skill(VIEW, "GET", "/files"),
    "librechat.get_skill_file": skill_file(VIEW, "GET"),
    "librechat.delete_skill_file": skill_file(EDIT, "DELETE"),
    "librechat.update_skill": skill(EDIT, "PATCH", body={"expectedVersion": 1, "body": "Walk on."}),
    "librechat.delete_skill": skill(DELETE, "DELETE"),
}
# These say what the caller may do, and so refuse nobody.
FOR_ANYBODY = {"librechat.get_effective_permissions"}
# Forms, and a list that shows strangers nothing: `tests/handlers/librechat/test_files.py` and `test_skill_files.py`
# say whose they are.
ELSEWHERE = {
    *("librechat.upload_agent_avatar", "librechat.list_agent_files"),
    "librechat.upload_skill_file",
}
# How a caller comes to a right.
WAYS: dict[str, Callable[[Database, UserClient], Document]] = {
    "user": lambda _database, user: {"principalType": "user", "principalId": ObjectId(user.id)},
    "group": lambda database, user: {"principalType": "group", "principalId": group_of(database, user)},
    "role": lambda _database, _user: {"principalType": "role", "principalId": "USER"},
    "public": lambda _database, _user: {"principalType": "public"},
}
EACH = pytest.mark.parametrize("name", CASES)


def group_of(database: Database, user: UserClient) -> ObjectId:
    group: ObjectId = (
        database.collection("groups").insert_one({"name": "g", "memberIds": [user.id]}).inserted_id
    )
    return group


@pytest.fixture
def root(make_user: MakeUser, app_database: Database) -> UserClient:
    user = make_user("root")
    app_database.collection("users").update_one({"_id": ObjectId(user.id)}, {"$set": {"role": "ADMIN"}})
    return user


@pytest.fixture
def case(name: str, root: UserClient, app_database: Database) -> Iterator[Case]:
    """The case, with the permissions that every caller needs."""
    found = CASES[name]
    before = root.get("/chat/api/roles/USER").json()["permissions"]
    for kind, names in found.permissions.items():
        allow(root, kind, dict.fromkeys(names, True))
    with no_grants_left(app_database):
        yield found
    for kind in found.permissions:
        allow(root, kind, before[kind])


def allow(root: UserClient, kind: str, permissions: dict[str, bool]) -> None:
    path = f"/chat/api/roles/USER/{kind.lower().replace('_', '-')}"
    assert root.put(path, json=permissions).status_code == 200


def test_every_operation_on_a_shared_thing_is_here() -> None:
    known = {name.partition(" ")[0] for name in CASES} | FOR_ANYBODY | ELSEWHERE
    assert {
        op.id for op in ALL_OPERATIONS if IDS & {parameter["name"] for parameter in op.parameters("path")}
    } <= known


@EACH
class TestRights:
    def test_of_a_stranger_show_nothing(self, case: Case, ada: UserClient, bob: UserClient) -> None:
        thing, missing = case.make(ada, case.kind), case.missing
        foreign, nothing = case.ask(bob, thing), case.ask(bob, missing)
        assert foreign.status_code == 404
        assert faceless(foreign, {"id": thing}) == faceless(nothing, {"id": missing})

    @pytest.mark.parametrize("way", WAYS)
    def test_are_those_of_the_grant(
        self, case: Case, way: str, ada: UserClient, bob: UserClient, app_database: Database
    ) -> None:
        for bits in (VIEW, EDITOR, OWNER, OWNER - VIEW):
            identifier = case.make(ada, case.kind)
            thing = case.thing(app_database, identifier)
            grant(app_database, case.kind, thing, bits, WAYS[way](app_database, bob))
            answer = case.ask(bob, identifier)
            if not bits & VIEW:
                assert answer.status_code == 404
            elif bits & case.needs != case.needs:
                assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
            else:
                assert answer.is_success, answer.text

    def test_of_another_kind_do_not_count(
        self, case: Case, ada: UserClient, bob: UserClient, app_database: Database
    ) -> None:
        identifier = case.make(ada, case.kind)
        thing = case.thing(app_database, identifier)
        for kind in {*ResourceType} - {case.kind}:
            grant(app_database, kind, thing, OWNER, {"principalType": "public"})
        assert case.ask(bob, identifier).status_code == 404

    def test_of_its_owner_and_of_an_administrator_are_all(
        self, case: Case, ada: UserClient, root: UserClient
    ) -> None:
        for user in (ada, root):
            assert case.ask(user, case.make(ada, case.kind)).is_success
        assert case.ask(root, case.missing).status_code == 404
