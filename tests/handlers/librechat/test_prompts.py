"""Prompts: groups with versions, which are shared by grants."""

from typing import Any

import pytest
from bson import ObjectId

from tests.conftest import Client, UserClient
from tests.handlers.librechat.sharing import EDIT, OWN, VIEW, Stored, allow_only, grant

PATH = "/chat/api/prompts"
GROUPS = f"{PATH}/groups"
KIND = "promptGroup"
UNKNOWN = "0" * 24


def make(client: UserClient, text: str = "Say it", **group: Any) -> Any:
    body = {"prompt": {"prompt": text, "type": "text"}, "group": {"name": "Sayer", **group}}
    response = client.post(PATH, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def make_group(client: UserClient, **group: Any) -> str:
    identifier: str = make(client, **group)["group"]["_id"]
    return identifier


def add(client: UserClient, group: str, text: str) -> Any:
    response = client.post(f"{GROUPS}/{group}/prompts", json={"prompt": {"prompt": text, "type": "text"}})
    assert response.status_code == 200, response.text
    return response.json()["prompt"]


def names(client: UserClient, **params: Any) -> list[str]:
    response = client.get(GROUPS, params=params)
    assert response.status_code == 200, response.text
    return [group["name"] for group in response.json()["promptGroups"]]


class TestCreatePromptGroup:
    def test_anonymous_is_refused(self, api: Client) -> None:
        body = {"prompt": {"prompt": "x"}, "group": {"name": "x"}}
        assert api.post(PATH, json=body).status_code == 401

    def test_needs_the_permission_to_create(self, ada: UserClient, stored: Stored) -> None:
        allow_only(stored, ada, "PROMPTS", "USE")
        response = ada.post(PATH, json={"prompt": {"prompt": "x"}, "group": {"name": "x"}})
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_permissions")

    def test_answers_as_librechat_does(self, ada: UserClient) -> None:
        made = make(ada, "Say {{x}}", name="Sayer", oneliner="one", category="idea", command="say")
        prompt, group = made["prompt"], made["group"]
        assert prompt | {"prompt": "Say {{x}}", "type": "text", "author": ada.id} == prompt
        assert prompt["groupId"] == group["_id"]
        assert group == {
            "_id": group["_id"],
            "__v": 0,
            "author": ada.id,
            "authorName": "ada",
            "name": "Sayer",
            "oneliner": "one",
            "category": "idea",
            "command": "say",
            "numberOfGenerations": 0,
            "productionId": prompt["_id"],
            "productionPrompt": {"prompt": "Say {{x}}"},
            "createdAt": group["createdAt"],
            "updatedAt": group["updatedAt"],
        }

    def test_makes_the_caller_its_owner(self, ada: UserClient, stored: Stored) -> None:
        group = make_group(ada)
        entries = list(stored.aclentries.find({"resourceId": ObjectId(group)}))
        assert [
            (each["principalType"], each["principalId"], each["resourceType"], each["permBits"])
            for each in entries
        ] == [("user", ObjectId(ada.id), KIND, OWN)]

    def test_what_is_left_out_has_librechats_values(self, ada: UserClient) -> None:
        response = ada.post(PATH, json={"prompt": {"prompt": "x"}, "group": {"name": "x"}}).json()
        assert response["prompt"]["type"] == "text"
        assert (response["group"]["oneliner"], response["group"]["category"]) == ("", "")
        assert "command" not in response["group"]

    @pytest.mark.parametrize(
        ("prompt", "group"),
        [
            ({}, {}),
            ({"prompt": " \n"}, {}),
            ({"prompt": "x" * 200_001}, {}),
            ({"type": "song"}, {}),
            ({}, {"name": ""}),
            ({}, {"name": "x" * 256}),
            ({}, {"oneliner": "x" * 501}),
            ({}, {"category": "x" * 101}),
            ({}, {"command": "Say It"}),
            ({}, {"command": "x" * 57}),
        ],
    )
    def test_a_wrong_value_is_refused(
        self, ada: UserClient, prompt: dict[str, Any], group: dict[str, Any]
    ) -> None:
        right = {"prompt": {"prompt": "x", **prompt}, "group": {"name": "x", **group}}
        body = right if prompt or group else {"prompt": {"prompt": "x"}}
        assert ada.post(PATH, json=body).json()["code"] == "validation_failed"
        assert names(ada) == []

    def test_takes_nothing_that_is_the_servers(self, ada: UserClient, bob: UserClient) -> None:
        forged = {"author": bob.id, "authorName": "bob", "numberOfGenerations": 9, "isPublic": True}
        group = make(ada, **forged)["group"]
        assert (group["author"], group["authorName"], group["numberOfGenerations"]) == (ada.id, "ada", 0)
        assert names(bob) == []

    def test_there_may_be_a_thousand_and_no_more(self, ada: UserClient, stored: Stored) -> None:
        author = ObjectId(ada.id)
        stored.promptgroups.insert_many([{"author": author, "name": "x"} for _ in range(999)])
        make(ada)
        response = ada.post(PATH, json={"prompt": {"prompt": "x"}, "group": {"name": "x"}})
        assert (response.status_code, response.json()["code"]) == (422, "too_many_prompts")


class TestListPromptGroups:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(GROUPS).status_code == 401

    def test_needs_the_permission_to_use(self, ada: UserClient, stored: Stored) -> None:
        allow_only(stored, ada, "PROMPTS", "CREATE")
        for path in (GROUPS, f"{PATH}/all", PATH):
            assert ada.get(path).json()["code"] == "insufficient_permissions"

    def test_nobody_without_a_grant_sees_one(self, ada: UserClient, bob: UserClient) -> None:
        make(ada)
        assert names(bob) == []
        assert bob.get(f"{PATH}/all").json() == []

    def test_a_page_as_librechat_answers_it(self, ada: UserClient) -> None:
        group = make(ada, "Say {{x}}", command="say")["group"]
        page = ada.get(GROUPS, params={"limit": 10}).json()
        listed = {
            **group,
            "isPublic": False,
            "productionPrompt": {"_id": group["productionId"], "prompt": "Say {{x}}"},
        }
        assert page == {
            "promptGroups": [listed],
            "pageNumber": "1",
            "pageSize": "10",
            "pages": "1",
            "has_more": False,
            "after": None,
        }
        assert ada.get(f"{PATH}/all").json() == [listed]

    @pytest.mark.parametrize(
        ("params", "size"),
        [
            ({}, "10"),
            ({"pageSize": 3}, "3"),
            ({"limit": 4, "pageSize": 3}, "4"),
            ({"limit": 0}, "1"),
            ({"limit": 1000}, "100"),
            ({"cursor": ""}, "10"),
            ({"cursor": "undefined"}, "10"),
            ({"cursor": "null"}, "10"),
        ],
    )
    def test_the_size_of_a_page(self, ada: UserClient, params: dict[str, Any], size: str) -> None:
        assert ada.get(GROUPS, params=params).json()["pageSize"] == size

    def test_the_most_used_come_first_then_the_last_changed(self, ada: UserClient) -> None:
        used, _, last = (make_group(ada, name=name) for name in ("used", "older", "newer"))
        ada.post(f"{GROUPS}/{used}/use")
        assert names(ada) == ["used", "newer", "older"]
        ada.post(f"{GROUPS}/{last}/use"), ada.post(f"{GROUPS}/{last}/use")
        assert names(ada) == ["newer", "used", "older"]

    def test_pages_have_everything_once(self, ada: UserClient) -> None:
        for number in range(5):
            group = make_group(ada, name=f"{number}")
            for _ in range(number % 2):
                ada.post(f"{GROUPS}/{group}/use")
        seen, params = [], {"limit": 2}
        while True:
            page = ada.get(GROUPS, params=params).json()
            seen += [group["name"] for group in page["promptGroups"]]
            assert (page["after"] is not None, page["pages"]) == (
                page["has_more"],
                "9999" if page["has_more"] else "1",
            )
            if not page["has_more"]:
                break
            params = {"limit": 2, "cursor": page["after"]}
        assert seen == ["3", "1", "4", "2", "0"]

    @pytest.mark.parametrize("cursor", ["x", "!", "W10", "WyJhIiwxLCJ4Il0", "WzEsMiwieCJd"])
    def test_a_cursor_of_nobodys_is_refused(self, ada: UserClient, cursor: str) -> None:
        response = ada.get(GROUPS, params={"cursor": cursor})
        assert (response.status_code, response.json()["code"]) == (400, "broken_cursor")

    def test_finds_by_a_part_of_the_name(self, ada: UserClient) -> None:
        make(ada, name="Écrire a letter"), make(ada, name="Read (twice)")
        assert names(ada, name="ECRIRE") == ["Écrire a letter"]
        assert names(ada, name="(twice)") == ["Read (twice)"]
        assert names(ada, name=".*") == []
        assert [each["name"] for each in ada.get(f"{PATH}/all", params={"name": "lett"}).json()] == [
            "Écrire a letter"
        ]

    def test_finds_by_category(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        make(ada, name="mine", category="idea"), make(ada, name="bare")
        grant(stored, KIND, make_group(bob, name="bob's", category="idea"), VIEW, ada)
        stored.promptgroups.update_one(
            {"name": "bare", "author": ObjectId(ada.id)}, {"$unset": {"category": ""}}
        )
        assert sorted(names(ada, category="idea")) == ["bob's", "mine"]
        assert names(ada, category="sys__no__category__sys") == ["bare"]
        assert sorted(names(ada, category="sys__my__prompts__sys")) == ["bare", "mine"]
        assert names(ada, category="sys__shared__prompts__sys") == ["bob's"]
        assert sorted(names(ada, category="sys__all__sys")) == ["bare", "bob's", "mine"]
        assert sorted(names(ada, category="")) == ["bare", "bob's", "mine"]

    def test_what_everybody_may_see_says_so(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        group = make_group(ada, name="for all")
        grant(stored, KIND, group, VIEW)
        listed = {each["_id"]: each for each in bob.get(f"{PATH}/all").json()}
        assert listed[group]["isPublic"] is True
        stored.aclentries.delete_many({"resourceId": ObjectId(group)})

    def test_large_texts_end_a_page_early_and_stream_the_whole_list(self, ada: UserClient) -> None:
        for number in range(3):
            make(ada, "é" * 200_000, name=f"{number}")
        listed = ada.get(f"{PATH}/all").json()
        assert [(each["name"], len(each["productionPrompt"]["prompt"])) for each in listed] == [
            ("2", 200_000),
            ("1", 200_000),
            ("0", 200_000),
        ]

    def test_one_whose_version_is_gone_is_listed_without_it(self, ada: UserClient, stored: Stored) -> None:
        made = make(ada)
        stored.prompts.delete_one({"_id": ObjectId(made["prompt"]["_id"])})
        (listed,) = ada.get(f"{PATH}/all").json()
        assert "productionPrompt" not in listed
        assert "productionPrompt" not in ada.get(f"{GROUPS}/{listed['_id']}").json()


class TestGetPromptGroup:
    def test_has_the_version_in_use_whole(self, ada: UserClient) -> None:
        made = make(ada, "Say {{x}}")
        got = ada.get(f"{GROUPS}/{made['group']['_id']}").json()
        assert got == {**made["group"], "productionPrompt": made["prompt"]}

    @pytest.mark.parametrize("group", [UNKNOWN, "none", "x" * 64])
    def test_one_that_is_not_there(self, ada: UserClient, group: str) -> None:
        assert ada.get(f"{GROUPS}/{group}").json()["code"] == "not_found"

    def test_a_viewer_sees_and_changes_nothing(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        made = make(ada)
        group, prompt = made["group"]["_id"], made["prompt"]["_id"]
        grant(stored, KIND, group, VIEW, bob)
        assert bob.get(f"{GROUPS}/{group}").json()["name"] == "Sayer"
        assert bob.get(f"{PATH}/{prompt}").json()["prompt"] == "Say it"
        assert bob.post(f"{GROUPS}/{group}/use").json() == {"numberOfGenerations": 1}
        refused = [
            bob.patch(f"{GROUPS}/{group}", json={"name": "bob's"}),
            bob.post(f"{GROUPS}/{group}/prompts", json={"prompt": {"prompt": "bob's"}}),
            bob.patch(f"{PATH}/{prompt}/tags/production"),
            bob.delete(f"{PATH}/{prompt}"),
            bob.delete(f"{GROUPS}/{group}"),
        ]
        assert {each.json()["code"] for each in refused} == {"insufficient_permissions"}
        assert ada.get(f"{GROUPS}/{group}").json()["name"] == "Sayer"

    def test_an_editor_changes_and_deletes_nothing(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        group = make_group(ada)
        grant(stored, KIND, group, EDIT, bob)
        version = add(bob, group, "Say it twice")
        assert version["author"] == bob.id
        assert bob.patch(f"{PATH}/{version['_id']}/tags/production").status_code == 200
        assert bob.patch(f"{GROUPS}/{group}", json={"name": "Teller"}).json()["author"] == ada.id
        assert bob.delete(f"{PATH}/{version['_id']}").json()["code"] == "insufficient_permissions"
        assert bob.delete(f"{GROUPS}/{group}").json()["code"] == "insufficient_permissions"


class TestUpdatePromptGroup:
    def test_changes_only_what_is_named(self, ada: UserClient) -> None:
        group = make(ada, oneliner="one", category="idea", command="say")["group"]
        changed = ada.patch(f"{GROUPS}/{group['_id']}", json={"name": "Teller", "command": None}).json()
        del group["productionPrompt"], group["command"]
        assert changed == group | {"name": "Teller", "updatedAt": changed["updatedAt"]}

    @pytest.mark.parametrize(
        "change",
        [{"author": UNKNOWN}, {"productionId": UNKNOWN}, {"name": ""}, {"name": None}, {"command": "A B"}],
    )
    def test_what_may_not_be_changed_is_refused(self, ada: UserClient, change: dict[str, Any]) -> None:
        response = ada.patch(f"{GROUPS}/{make_group(ada)}", json=change)
        assert (response.status_code, response.json()["code"]) == (400, "validation_failed")

    def test_needs_the_permission_to_create(self, ada: UserClient, stored: Stored) -> None:
        group = make_group(ada)
        allow_only(stored, ada, "PROMPTS", "USE")
        assert ada.patch(f"{GROUPS}/{group}", json={"name": "x"}).status_code == 403
        assert ada.delete(f"{GROUPS}/{group}").status_code == 403
        assert ada.post(f"{GROUPS}/{group}/use").status_code == 200


class TestVersions:
    def test_a_new_one_is_not_in_use_until_it_is_put_there(self, ada: UserClient) -> None:
        made = make(ada, "first")
        group = made["group"]["_id"]
        second = add(ada, group, "second")
        assert ada.get(f"{GROUPS}/{group}").json()["productionPrompt"]["prompt"] == "first"
        done = ada.patch(f"{PATH}/{second['_id']}/tags/production")
        assert done.json() == {"message": "Prompt production made successfully"}
        assert ada.get(f"{GROUPS}/{group}").json()["productionPrompt"] == second

    def test_are_listed_newest_first(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        made, other = make(ada, "first"), make(ada, "other")
        group = made["group"]["_id"]
        grant(stored, KIND, group, EDIT, bob)
        bobs = add(bob, group, "bob's")
        assert ada.get(PATH, params={"groupId": group}).json() == [bobs, made["prompt"]]
        assert bob.get(PATH, params={"groupId": group}).json() == [bobs, made["prompt"]]
        assert ada.get(PATH).json() == [other["prompt"], made["prompt"]]
        assert ada.get(PATH, params={"groupId": UNKNOWN}).status_code == 404

    def test_there_may_be_two_hundred(self, ada: UserClient, stored: Stored) -> None:
        group = make_group(ada)
        stored.prompts.insert_many([{"groupId": ObjectId(group), "prompt": "x"} for _ in range(198)])
        add(ada, group, "the last")
        response = ada.post(f"{GROUPS}/{group}/prompts", json={"prompt": {"prompt": "x"}})
        assert (response.status_code, response.json()["code"]) == (422, "too_many_versions")

    @pytest.mark.parametrize("prompt", [UNKNOWN, "none"])
    def test_one_that_is_not_there(self, ada: UserClient, prompt: str) -> None:
        assert ada.get(f"{PATH}/{prompt}").status_code == 404
        assert ada.delete(f"{PATH}/{prompt}").status_code == 404
        assert ada.patch(f"{PATH}/{prompt}/tags/production").status_code == 404


class TestDeletePrompt:
    def test_the_newest_other_one_comes_into_use(self, ada: UserClient) -> None:
        made = make(ada, "first")
        group = made["group"]["_id"]
        add(ada, group, "second"), add(ada, group, "third")
        answer = ada.delete(f"{PATH}/{made['prompt']['_id']}", params={"groupId": group})
        assert answer.json() == {"prompt": "Prompt deleted successfully"}
        assert ada.get(f"{GROUPS}/{group}").json()["productionPrompt"]["prompt"] == "third"

    def test_what_is_in_use_stays_when_another_one_goes(self, ada: UserClient) -> None:
        group = make_group(ada)
        second = add(ada, group, "second")
        ada.delete(f"{PATH}/{second['_id']}")
        assert ada.get(f"{GROUPS}/{group}").json()["productionPrompt"]["prompt"] == "Say it"

    def test_with_the_last_one_the_group_goes(self, ada: UserClient, stored: Stored) -> None:
        made = make(ada)
        group = made["group"]["_id"]
        answer = ada.delete(f"{PATH}/{made['prompt']['_id']}", params={"groupId": group})
        assert answer.json() == {
            "prompt": "Prompt deleted successfully",
            "promptGroup": {"message": "Prompt group deleted successfully", "id": group},
        }
        assert stored.promptgroups.find_one({"_id": ObjectId(group)}) is None
        assert stored.aclentries.find_one({"resourceId": ObjectId(group)}) is None

    def test_of_another_group_than_the_named_one_is_not_deleted(self, ada: UserClient) -> None:
        made, other = make(ada), make(ada)
        path = f"{PATH}/{made['prompt']['_id']}"
        assert ada.delete(path, params={"groupId": other["group"]["_id"]}).status_code == 404
        assert ada.get(path).status_code == 200


class TestDeletePromptGroup:
    def test_goes_with_versions_and_grants(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        group = make_group(ada)
        add(ada, group, "second")
        grant(stored, KIND, group, VIEW, bob)
        kept = make_group(ada, name="kept")
        answer = ada.delete(f"{GROUPS}/{group}")
        assert answer.json() == {"message": "Prompt group deleted successfully"}
        assert stored.prompts.find_one({"groupId": ObjectId(group)}) is None
        assert stored.aclentries.find_one({"resourceId": ObjectId(group)}) is None
        assert ada.delete(f"{GROUPS}/{group}").status_code == 404
        assert [each["_id"] for each in ada.get(f"{PATH}/all").json()] == [kept]
