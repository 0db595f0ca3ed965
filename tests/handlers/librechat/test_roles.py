from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.conftest import UserClient

Stored = MongoDatabase[dict[str, Any]]
TYPES = {
    *(
        "BOOKMARKS",
        "PROMPTS",
        "MEMORIES",
        "AGENTS",
        "MULTI_CONVO",
        "TEMPORARY_CHAT",
        "RUN_CODE",
        "WEB_SEARCH",
    ),
    *("PEOPLE_PICKER", "MARKETPLACE", "FILE_SEARCH", "FILE_CITATIONS", "MCP_SERVERS", "REMOTE_AGENTS"),
    *("SKILLS", "SHARED_LINKS"),
}
NOTHING = {"USE": False, "CREATE": False, "SHARE": False, "SHARE_PUBLIC": False}


@pytest.fixture
def staff(stored: Stored) -> Iterator[None]:
    """A role of the operator's own."""
    role = {"name": "STAFF", "description": "The staff", "permissions": {"PROMPTS": {"USE": True}}}
    stored.roles.insert_one(role)
    yield
    stored.roles.delete_one({"name": "STAFF"})


@pytest.fixture
def restored(root: UserClient, stored: Stored) -> Iterator[None]:
    """Users may do after the test what they could before."""
    before = stored.roles.find_one({"name": "USER"}) or {}
    yield
    stored.roles.replace_one({"_id": before["_id"]}, before)
    # What a process remembers goes with the next change.
    root.put("/chat/api/roles/USER/bookmarks", json=before["permissions"]["BOOKMARKS"])


class TestGetRole:
    def test_says_what_users_may_do(self, ada: UserClient, stored: Stored) -> None:
        answer = ada.get("/chat/api/roles/USER")
        assert answer.status_code == 200
        role = answer.json()
        assert role["_id"] == str((stored.roles.find_one({"name": "USER"}) or {})["_id"])
        assert (role["name"], role["description"]) == ("USER", "")
        assert set(role["permissions"]) == TYPES
        assert role["permissions"]["PROMPTS"] == {**NOTHING, "USE": True, "CREATE": True}
        assert role["permissions"]["SHARED_LINKS"] == {"CREATE": True, "SHARE": True, "SHARE_PUBLIC": True}

    def test_denies_what_echo_does_not_have_to_administrators_too(self, root: UserClient) -> None:
        permissions = root.get("/chat/api/roles/ADMIN").json()["permissions"]
        assert permissions["AGENTS"] == dict.fromkeys(NOTHING, True)
        assert permissions["MCP_SERVERS"] == {**dict.fromkeys(NOTHING, True), "CONFIGURE_OBO": True}
        assert permissions["REMOTE_AGENTS"] == {**NOTHING, "USE": True}
        assert (permissions["RUN_CODE"], permissions["WEB_SEARCH"]) == ({"USE": True}, {"USE": True})

    @pytest.mark.usefixtures("staff")
    def test_shows_a_user_no_other_role_whether_it_exists_or_not(self, ada: UserClient) -> None:
        for name in ("ADMIN", "STAFF", "NOBODY"):
            answer = ada.get(f"/chat/api/roles/{name}")
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")

    @pytest.mark.usefixtures("staff")
    def test_shows_ones_own_role(self, ada: UserClient, stored: Stored) -> None:
        stored.users.update_one({"email": ada.email}, {"$set": {"role": "STAFF"}})
        role = ada.get("/chat/api/roles/STAFF").json()
        assert role["description"] == "The staff"
        assert role["permissions"]["PROMPTS"] == {**NOTHING, "USE": True}
        assert role["permissions"]["BOOKMARKS"] == {"USE": False}

    def test_of_a_name_that_no_role_has_is_not_found(self, root: UserClient) -> None:
        assert root.get("/chat/api/roles/NOBODY").status_code == 404


class TestListRoles:
    @pytest.mark.usefixtures("staff")
    def test_has_all_by_name(self, root: UserClient) -> None:
        body = root.get("/chat/api/admin/roles", params={"limit": 200}).json()
        names = [each["name"] for each in body["roles"]]
        # Other tests may have left roles of their own.
        assert names == sorted(names)
        assert {"ADMIN", "STAFF", "USER"} <= set(names)
        assert all(set(each) == {"_id", "name", "description"} for each in body["roles"])
        assert (body["total"], body["limit"], body["offset"]) == (len(names), 200, 0)

    @pytest.mark.usefixtures("staff")
    def test_comes_in_pages(self, root: UserClient) -> None:
        everything = root.get("/chat/api/admin/roles", params={"limit": 200}).json()
        body = root.get("/chat/api/admin/roles", params={"limit": 1, "offset": 2}).json()
        assert body["roles"] == everything["roles"][2:3]
        assert (body["total"], body["limit"], body["offset"]) == (everything["total"], 1, 2)
        assert root.get("/chat/api/admin/roles", params={"limit": 0}).json()["limit"] == 1
        assert root.get("/chat/api/admin/roles", params={"limit": 1000}).json()["limit"] == 200

    def test_is_for_administrators(self, ada: UserClient) -> None:
        assert ada.get("/chat/api/admin/roles").status_code == 403


@pytest.mark.usefixtures("restored")
class TestUpdateRolePermissions:
    def test_takes_effect_at_once_and_changes_nothing_else(
        self, root: UserClient, ada: UserClient, stored: Stored
    ) -> None:
        before = stored.roles.find_one({"name": "USER"}) or {}
        said = {"USE": True, "CREATE": False, "SHARE": True, "SHARE_PUBLIC": False}
        answer = root.put("/chat/api/roles/USER/prompts", json=said)
        assert answer.status_code == 200
        assert answer.json()["permissions"]["PROMPTS"] == said
        assert ada.get("/chat/api/roles/USER").json() == answer.json()
        after = stored.roles.find_one({"name": "USER"}) or {}
        assert after == {**before, "permissions": {**before["permissions"], "PROMPTS": said}}

    def test_of_what_echo_does_not_have_is_stored_without_effect(
        self, root: UserClient, stored: Stored
    ) -> None:
        said = {"USE": True, "CREATE": True}
        answer = root.put("/chat/api/roles/USER/remote-agents", json=said)
        assert answer.json()["permissions"]["REMOTE_AGENTS"] == {**NOTHING, "USE": True}
        saved = (stored.roles.find_one({"name": "USER"}) or {})["permissions"]["REMOTE_AGENTS"]
        assert said.items() <= saved.items()

    @pytest.mark.parametrize("body", [{"SHARE": True}, {"VIEW_USERS": True, "evil": True}, {}])
    def test_leaves_out_what_the_type_does_not_have(
        self, root: UserClient, stored: Stored, body: dict[str, Any]
    ) -> None:
        before = stored.roles.find_one({"name": "USER"})
        assert root.put("/chat/api/roles/USER/bookmarks", json=body).status_code == 200
        assert stored.roles.find_one({"name": "USER"}) == before

    @pytest.mark.parametrize(
        ("path", "kind", "permission"),
        [
            ("agents", "AGENTS", "SHARE"),
            ("memories", "MEMORIES", "OPT_OUT"),
            ("people-picker", "PEOPLE_PICKER", "VIEW_GROUPS"),
            ("skills", "SKILLS", "CREATE"),
            ("marketplace", "MARKETPLACE", "USE"),
            ("shared-links", "SHARED_LINKS", "SHARE_PUBLIC"),
            ("multi-convo", "MULTI_CONVO", "USE"),
            ("temporary-chat", "TEMPORARY_CHAT", "USE"),
        ],
    )
    def test_of_each_type(self, root: UserClient, path: str, kind: str, permission: str) -> None:
        for value in (True, False):
            answer = root.put(f"/chat/api/roles/USER/{path}", json={permission: value})
            assert answer.json()["permissions"][kind][permission] is value

    def test_refuses_what_is_no_flag_or_no_type(self, root: UserClient) -> None:
        assert root.put("/chat/api/roles/USER/prompts", json={"USE": "yes"}).status_code == 400
        assert root.put("/chat/api/roles/USER/nothing", json={"USE": True}).status_code == 400
        assert root.put("/chat/api/roles/NOBODY/prompts", json={"USE": True}).status_code == 404

    def test_is_for_administrators(self, ada: UserClient, stored: Stored) -> None:
        before = stored.roles.find_one({"name": "USER"})
        answer = ada.put("/chat/api/roles/USER/prompts", json={"SHARE": True})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
        assert stored.roles.find_one({"name": "USER"}) == before

    def test_is_no_longer_for_one_who_was_an_administrator(self, root: UserClient, stored: Stored) -> None:
        stored.users.update_one({"email": root.email}, {"$set": {"role": "USER"}})
        assert root.put("/chat/api/roles/USER/prompts", json={"SHARE": True}).status_code == 403
        stored.users.update_one({"email": root.email}, {"$set": {"role": "ADMIN"}})
