import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.access import ResourceType
from storage.core.database import Database
from tests.conftest import MakeUser, UserClient
from tests.support.access import grant, no_grants_left

Stored = MongoDatabase[dict[str, Any]]
AGENT = ResourceType.AGENT
TO_ALL = {"principalType": "public"}


@pytest.fixture(autouse=True)
def cleared(app_database: Database) -> Iterator[None]:
    with no_grants_left(app_database):
        yield


@pytest.fixture
def sharing(may: Any) -> None:
    """Users may share agents and look for each other."""
    may(AGENTS=["SHARE", "SHARE_PUBLIC"], PEOPLE_PICKER=["VIEW_USERS", "VIEW_GROUPS", "VIEW_ROLES"])


def put(user: UserClient, thing: str, kind: str = "agent", **body: Any) -> Any:
    return user.put(f"/chat/api/permissions/{kind}/{thing}", json=body)


def shown(user: UserClient, thing: str, kind: str = "agent") -> Any:
    answer = user.get(f"/chat/api/permissions/{kind}/{thing}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def bits(user: UserClient, thing: str, kind: str = "agent") -> int:
    return int(user.get(f"/chat/api/permissions/{kind}/{thing}/effective").json()["permissionBits"])


def to_user(user: UserClient, role: str | None = "agent_viewer") -> dict[str, Any]:
    return {"type": "user", "id": user.id, "accessRoleId": role}


class TestListAccessRoles:
    def test_has_librechats(self, ada: UserClient) -> None:
        assert ada.get("/chat/api/permissions/agent/roles").json() == [
            {
                "accessRoleId": f"agent_{name}",
                "name": f"com_ui_role_{name}",
                "description": f"com_ui_role_{name}_desc",
                "permBits": allowed,
            }
            for name, allowed in (("viewer", 1), ("editor", 3), ("owner", 15))
        ]

    def test_of_a_link_are_two(self, ada: UserClient) -> None:
        roles = ada.get("/chat/api/permissions/sharedLink/roles").json()
        assert [each["accessRoleId"] for each in roles] == ["sharedLink_viewer", "sharedLink_owner"]

    def test_of_an_unknown_type_are_refused(self, ada: UserClient) -> None:
        assert ada.get("/chat/api/permissions/file/roles").status_code == 400


class TestGetResourcePermissions:
    def test_names_the_owner(self, ada: UserClient) -> None:
        thing = ada.put_thing(AGENT)
        assert shown(ada, thing) == {
            "resourceType": "agent",
            "resourceId": thing,
            "principals": [
                {
                    "type": "user",
                    "id": ada.id,
                    "name": "ada",
                    "email": ada.email,
                    "source": "local",
                    "idOnTheSource": ada.id,
                    "accessRoleId": "agent_owner",
                }
            ],
            "public": False,
        }

    def test_names_groups_roles_and_the_public(
        self, ada: UserClient, app_database: Database, stored: Stored
    ) -> None:
        thing = ada.put_thing(AGENT)
        group = {"name": "Readers", "description": "They read", "source": "entra", "idOnTheSource": "g-1"}
        group_id = stored.groups.insert_one({**group, "memberIds": ["x", "y"]}).inserted_id
        grant(app_database, "agent", thing, 3, {"principalType": "group", "principalId": group_id})
        grant(app_database, "agent", thing, 7, {"principalType": "role", "principalId": "USER"})
        grant(app_database, "agent", thing, 1, TO_ALL)
        body = shown(ada, thing)
        others = [each for each in body["principals"] if each["type"] != "user"]
        assert sorted(others, key=lambda each: each["type"]) == [
            {"type": "group", "id": str(group_id), **group, "accessRoleId": "agent_editor"},
            # Seven is no role of LibreChat's: it covers an editor's rights.
            {
                "type": "role",
                "id": "USER",
                "name": "USER",
                "description": "",
                "source": "local",
                "accessRoleId": "agent_editor",
            },
        ]
        assert (body["public"], body["publicAccessRoleId"]) == (True, "agent_viewer")

    def test_leaves_out_who_is_gone(self, ada: UserClient, app_database: Database) -> None:
        thing = ada.put_thing(AGENT)
        grant(app_database, "agent", thing, 1, {"principalType": "user", "principalId": ObjectId()})
        grant(app_database, "agent", thing, 1, {"principalType": "role", "principalId": "NOBODY"})
        assert [each["id"] for each in shown(ada, thing)["principals"]] == [ada.id]

    def test_of_a_thing_that_is_gone_is_not_found(self, ada: UserClient, stored: Stored) -> None:
        thing = ada.put_thing(AGENT)
        stored.agents.delete_one({"_id": ObjectId(thing)})
        assert ada.get(f"/chat/api/permissions/agent/{thing}").status_code == 404
        assert bits(ada, thing) == 0


@pytest.mark.usefixtures("sharing")
class TestUpdateResourcePermissions:
    def test_shares_with_everybody_as_the_recorded_client_does(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        thing = ada.put_thing(AGENT)
        answer = put(ada, thing, updated=[], removed=[], public=True, publicAccessRoleId="agent_viewer")
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "message": "Permissions updated successfully",
                "results": {
                    "principals": [{"type": "public", "id": None, "accessRoleId": "agent_viewer"}],
                    "public": True,
                    "publicAccessRoleId": "agent_viewer",
                },
            },
        )
        assert bits(bob, thing) == 1
        assert put(ada, thing, updated=[], removed=[], public=False).json()["results"] == {
            "principals": [],
            "public": False,
        }
        assert bits(bob, thing) == 0

    def test_gives_changes_and_takes(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        thing = ada.put_thing(AGENT)
        for role, allowed in (("agent_viewer", 1), ("agent_owner", 15), ("agent_editor", 3)):
            results = put(ada, thing, updated=[to_user(bob, role)], removed=[]).json()["results"]
            assert [(each["id"], each["accessRoleId"]) for each in results["principals"]] == [(bob.id, role)]
            assert bits(bob, thing) == allowed
        assert stored.aclentries.count_documents({"resourceId": ObjectId(thing)}) == 2
        assert put(ada, thing, updated=[], removed=[{"type": "user", "id": bob.id}]).status_code == 200
        assert bits(bob, thing) == 0
        assert bits(ada, thing) == 15

    def test_shares_with_a_role_and_a_group(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        group = stored.groups.insert_one({"name": "Readers", "memberIds": [bob.id]}).inserted_id
        for principal in ({"type": "role", "id": "USER"}, {"type": "group", "id": str(group)}):
            thing = ada.put_thing(AGENT)
            put(ada, thing, updated=[{**principal, "accessRoleId": "agent_editor"}], removed=[])
            assert bits(bob, thing) == 3
            put(ada, thing, updated=[], removed=[principal])
            assert bits(bob, thing) == 0

    def test_leaves_out_who_does_not_exist(self, ada: UserClient, stored: Stored) -> None:
        thing = ada.put_thing(AGENT)
        nobody = [
            {"type": "user", "id": "f" * 24},
            {"type": "user", "id": "nonsense"},
            {"type": "user", "id": None},
            {"type": "group", "id": "f" * 24},
            {"type": "role", "id": "NOBODY"},
            {"type": "public", "id": None},
        ]
        answer = put(ada, thing, updated=[{**each, "accessRoleId": "agent_owner"} for each in nobody])
        assert (answer.status_code, answer.json()["results"]["principals"]) == (200, [])
        assert stored.aclentries.count_documents({"resourceId": ObjectId(thing)}) == 1

    @pytest.mark.parametrize("role", [None, "skill_viewer", "agent_god", "sharedLink_owner"])
    def test_refuses_a_role_that_such_things_do_not_have(
        self, ada: UserClient, bob: UserClient, role: str | None
    ) -> None:
        thing = ada.put_thing(AGENT)
        answer = put(ada, thing, updated=[to_user(bob, role)])
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_access_role")
        if role:
            assert put(ada, thing, public=True, publicAccessRoleId=role).status_code == 422
        assert bits(bob, thing) == 0

    @pytest.mark.parametrize("how", ["removed", "updated"])
    def test_never_leaves_it_without_an_owner(self, ada: UserClient, bob: UserClient, how: str) -> None:
        thing = ada.put_thing(AGENT)
        changes = {how: [to_user(ada)], "public": True}
        answer = put(ada, thing, **changes)
        assert (answer.status_code, answer.json()["code"]) == (422, "owner_required")
        assert shown(ada, thing)["public"] is False
        put(ada, thing, updated=[to_user(bob, "agent_owner")])
        assert put(ada, thing, **changes).status_code == 200
        assert bits(ada, thing) == 1
        assert bits(bob, thing) == 15

    def test_hands_over_in_one_step(self, ada: UserClient, bob: UserClient) -> None:
        thing = ada.put_thing(AGENT)
        answer = put(ada, thing, updated=[to_user(bob, "agent_owner")], removed=[to_user(ada)])
        assert answer.status_code == 200
        assert (bits(ada, thing), bits(bob, thing)) == (0, 15)

    def test_of_a_link_never_changes_its_owner(self, ada: UserClient, bob: UserClient) -> None:
        thing = ada.put_thing(ResourceType.SHARED_LINK)
        other = to_user(bob, "sharedLink_owner")
        for changes in (
            {"updated": [to_user(ada, "sharedLink_viewer"), other]},
            {"updated": [other], "removed": [to_user(ada)]},
        ):
            answer = put(ada, thing, "sharedLink", **changes)
            assert (answer.status_code, answer.json()["code"]) == (422, "owner_required")
        assert put(ada, thing, "sharedLink", updated=[to_user(ada, "sharedLink_owner")]).status_code == 200
        assert bits(ada, thing, "sharedLink") == 15

    def test_has_a_bound(self, ada: UserClient, bob: UserClient, app_database: Database) -> None:
        thing = ada.put_thing(AGENT)
        entry = {
            "resourceType": "agent",
            "resourceId": ObjectId(thing),
            "permBits": 1,
            "principalType": "user",
        }
        others = [{**entry, "principalId": ObjectId()} for _ in range(499)]
        app_database.collection("aclentries").insert_many(others)
        answer = put(ada, thing, updated=[to_user(bob)])
        assert (answer.status_code, answer.json()["code"]) == (422, "too_many_grants")
        removed = {"type": "user", "id": str(others[0]["principalId"])}
        assert put(ada, thing, updated=[to_user(bob)], removed=[removed]).status_code == 200
        assert bits(bob, thing) == 1
        many = [to_user(bob)] * 501
        assert put(ada, thing, updated=many).status_code == 400

    def test_of_nothing_changes_nothing(self, ada: UserClient, stored: Stored) -> None:
        thing = ada.put_thing(AGENT)
        before = list(stored.aclentries.find({"resourceId": ObjectId(thing)}))
        assert put(ada, thing).json()["results"] == {"principals": [], "public": False}
        assert list(stored.aclentries.find({"resourceId": ObjectId(thing)})) == before


class TestPermissionToShare:
    def test_is_needed_beside_the_right(self, ada: UserClient, may: Any) -> None:
        thing = ada.put_thing(AGENT)
        for body in ({}, {"public": True}):
            answer = put(ada, thing, **body)
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
        may(AGENTS=["SHARE"])
        assert put(ada, thing).status_code == 200
        assert put(ada, thing, public=False).status_code == 200
        assert put(ada, thing, public=True).status_code == 403
        may(AGENTS=["SHARE_PUBLIC"])
        assert put(ada, thing, public=True).status_code == 200

    def test_with_somebody_new_needs_the_picker(self, ada: UserClient, bob: UserClient, may: Any) -> None:
        """Otherwise a guessed id would tell a name and an address."""
        may(AGENTS=["SHARE"])
        thing = ada.put_thing(AGENT)
        for new in (to_user(bob), {**to_user(bob), "id": "f" * 24}, {**to_user(bob), "type": "group"}):
            assert put(ada, thing, updated=[new]).status_code == 403
        may(PEOPLE_PICKER=["VIEW_USERS"])
        assert put(ada, thing, updated=[to_user(bob)]).status_code == 200
        role = {"type": "role", "id": "USER", "accessRoleId": "agent_viewer"}
        assert put(ada, thing, updated=[role]).status_code == 403

    def test_with_whom_it_is_shared_already_needs_none(
        self, ada: UserClient, bob: UserClient, may: Any, app_database: Database
    ) -> None:
        may(AGENTS=["SHARE"])
        thing = ada.put_thing(AGENT)
        grant(app_database, "agent", thing, 1, {"principalType": "user", "principalId": ObjectId(bob.id)})
        assert put(ada, thing, updated=[to_user(bob, "agent_editor")]).status_code == 200
        assert bits(bob, thing) == 3
        assert put(ada, thing, removed=[to_user(bob)]).status_code == 200

    def test_of_what_echo_does_not_have_is_nobodys(self, ada: UserClient, stored: Stored) -> None:
        thing = ada.put_thing(ResourceType.REMOTE_AGENT)
        stored.users.update_one({"email": ada.email}, {"$set": {"role": "ADMIN"}})
        assert put(ada, thing, "remoteAgent", public=True).status_code == 403


class TestEffectivePermissions:
    def test_of_everything_are_those_of_what_is_shared(
        self, ada: UserClient, bob: UserClient, app_database: Database
    ) -> None:
        own, other = ada.put_thing(ResourceType.SKILL), bob.put_thing(ResourceType.SKILL)
        hidden = bob.put_thing(ResourceType.SKILL)
        to_ada = {"principalType": "user", "principalId": ObjectId(ada.id)}
        grant(app_database, "skill", other, 3, to_ada)
        everything = ada.get("/chat/api/permissions/skill/effective/all").json()
        assert {own: 15, other: 3}.items() <= everything.items()
        assert hidden not in everything
        assert ada.get("/chat/api/permissions/mcpServer/effective/all").json() == {}

    def test_of_what_does_not_exist_are_none(self, ada: UserClient, stored: Stored) -> None:
        stored.users.update_one({"email": ada.email}, {"$set": {"role": "ADMIN"}})
        assert bits(ada, "f" * 24) == 0
        assert bits(ada, "agent_abc") == 0


class TestSearchPrincipals:
    @pytest.fixture
    def word(self) -> str:
        return f"w{secrets.token_hex(5)}"

    def search(self, user: UserClient, q: str, **params: Any) -> Any:
        return user.get("/chat/api/permissions/search-principals", params={"q": q, **params})

    @pytest.mark.usefixtures("sharing")
    def test_finds_users_groups_and_roles(
        self, ada: UserClient, make_user: MakeUser, stored: Stored, word: str
    ) -> None:
        found = make_user(word)
        group = {"name": f"The {word.upper()}s", "source": "entra", "idOnTheSource": "g-2"}
        group_id = stored.groups.insert_one({**group, "memberIds": ["a", "b"]}).inserted_id
        stored.roles.insert_one({"name": f"ROLE_{word}", "description": "", "permissions": {}})
        answer = self.search(ada, word)
        assert answer.status_code == 200
        assert answer.json() == {
            "query": word,
            "limit": 10,
            "types": None,
            "results": [
                {
                    "type": "user",
                    "id": found.id,
                    "name": word,
                    "email": found.email,
                    "username": word,
                    "provider": "local",
                    "source": "local",
                    "idOnTheSource": found.id,
                },
                {"type": "group", "id": str(group_id), **group, "memberCount": 2},
                {
                    "type": "role",
                    "id": f"ROLE_{word}",
                    "name": f"ROLE_{word}",
                    "description": "",
                    "source": "local",
                },
            ],
            "count": 3,
            "sources": {"local": 2, "entra": 1},
        }
        only = self.search(ada, word, types="group,role", limit=1).json()
        assert [each["type"] for each in only["results"]] == ["group"]
        assert (only["types"], only["limit"]) == (["group", "role"], 1)
        stored.roles.delete_one({"name": f"ROLE_{word}"})

    @pytest.mark.usefixtures("sharing")
    def test_takes_a_text_for_a_text(self, ada: UserClient, word: str) -> None:
        for text in (f"{word}.*", ".*", "(a+)+$", "$where"):
            assert self.search(ada, text, types="user").json()["results"] == []

    @pytest.mark.usefixtures("sharing")
    @pytest.mark.parametrize("text", ["", "a", "  ", " a ", "x" * 201])
    def test_needs_two_characters(self, ada: UserClient, text: str) -> None:
        assert self.search(ada, text).status_code == 400

    @pytest.mark.usefixtures("sharing")
    @pytest.mark.parametrize("types", ["public", "user,", "user group", ""])
    def test_takes_only_these_types(self, ada: UserClient, types: str) -> None:
        assert self.search(ada, "ada", types=types).status_code == 400

    def test_shows_nobody_to_those_who_may_not_look(self, ada: UserClient) -> None:
        for types in ({}, {"types": "user"}, {"types": "role"}):
            answer = self.search(ada, "ada", **types)
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")

    def test_shows_only_the_types_that_one_may_look_for(
        self, ada: UserClient, make_user: MakeUser, stored: Stored, may: Any, word: str
    ) -> None:
        make_user(word)
        stored.groups.insert_one({"name": word, "memberIds": []})
        may(PEOPLE_PICKER=["VIEW_GROUPS"])
        assert [each["type"] for each in self.search(ada, word).json()["results"]] == ["group"]
        assert self.search(ada, word, types="group").status_code == 200
        assert self.search(ada, word, types="user").status_code == 403
        assert self.search(ada, word, types="user,group").status_code == 403
