import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient
from tests.support.providers import Received, Reply, openai_server

Stored = MongoDatabase[dict[str, Any]]


def begin(client: UserClient, *texts: str) -> str:
    """A new conversation of the client's, with these messages, one after the other; its id."""
    conversation_id = str(uuid.uuid4())
    for index, text in enumerate(texts or ("Hello",)):
        body = {"text": text, "sender": "assistant" if index % 2 else "user"}
        response = client.post(f"/api/messages/{conversation_id}", json=body)
        assert response.status_code == 201, response.text
    return conversation_id


def ids_of(response: Any) -> list[str]:
    return [item["conversationId"] for item in response.json()["conversations"]]


def pages(client: UserClient, **params: Any) -> Iterator[list[str]]:
    """The ids of one page after the other."""
    while True:
        response = client.get("/api/convos", params=params)
        body = response.json()
        yield ids_of(response)
        assert body["hasMore"] is (body["nextCursor"] is not None)
        if not body["hasMore"]:
            return
        params["cursor"] = body["nextCursor"]


def unknown_and_foreign(ada: UserClient) -> dict[str, str]:
    return {"unknown": str(uuid.uuid4()), "foreign": begin(ada)}


class TestListConversations:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/convos").status_code == 401

    def test_another_owners_are_not_listed(self, ada: UserClient, bob: UserClient) -> None:
        begin(ada)
        assert ids_of(bob.get("/api/convos")) == []

    def test_another_owners_cursor_shows_nothing_of_theirs(self, ada: UserClient, bob: UserClient) -> None:
        begin(ada), begin(ada)
        cursor = ada.get("/api/convos", params={"limit": 1}).json()["nextCursor"]
        response = bob.get("/api/convos", params={"cursor": cursor})
        assert response.status_code == 400 or ids_of(response) == []

    @pytest.mark.parametrize(
        "params",
        [{"limit": "many"}, {"order": "up"}, {"isArchived": "perhaps"}, {"limit": "1.5"}, {"limit": "101"}],
    )
    def test_a_wrong_parameter_is_named(self, ada: UserClient, params: dict[str, str]) -> None:
        response = ada.get("/api/convos", params=params)
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == list(params)

    @pytest.mark.parametrize("cursor", ["nonsense", "e30", "-1", "2026-11-23"])
    def test_a_broken_cursor_is_refused(self, ada: UserClient, cursor: str) -> None:
        response = ada.get("/api/convos", params={"cursor": cursor})
        assert response.status_code == 400
        assert response.json()["code"] == "broken_cursor"

    def test_newest_first_unless_asked_otherwise(self, ada: UserClient) -> None:
        first, second, third = begin(ada), begin(ada), begin(ada)
        ada.post(f"/api/messages/{first}", json={"text": "again", "sender": "user"})
        assert ids_of(ada.get("/api/convos")) == [first, third, second]
        assert ids_of(ada.get("/api/convos", params={"order": "asc"})) == [second, third, first]

    def test_only_the_unarchived_unless_asked_otherwise(self, ada: UserClient) -> None:
        active, archived = begin(ada), begin(ada)
        ada.post("/api/convos/update", json={"conversationId": archived, "isArchived": True})
        assert ids_of(ada.get("/api/convos")) == [active]
        assert ids_of(ada.get("/api/convos", params={"isArchived": "false"})) == [active]
        assert ids_of(ada.get("/api/convos", params={"isArchived": "true"})) == [archived]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_pages_neither_repeat_nor_drop_even_in_ties(
        self, ada: UserClient, stored: Stored, order: str
    ) -> None:
        made = [begin(ada) for _ in range(5)]
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        stored.conversations.update_many({"user": ada.id}, {"$set": {"updatedAt": moment}})
        found = list(pages(ada, limit=2, order=order))
        assert [len(page) for page in found] == [2, 2, 1]
        assert sorted(itertools.chain(*found)) == sorted(made)

    @pytest.mark.parametrize(("limit", "size"), [(-5, 1), (0, 1), (1, 1), (2, 2), (100, 3)])
    def test_a_limit_out_of_range_is_clamped(self, ada: UserClient, limit: int, size: int) -> None:
        for _ in range(3):
            begin(ada)
        response = ada.get("/api/convos", params={"limit": limit})
        assert response.status_code == 200
        assert len(ids_of(response)) == size

    def test_never_more_than_a_hundred(self, ada: UserClient, stored: Stored) -> None:
        now = datetime.now(UTC)
        stored.conversations.insert_many(
            {"conversationId": str(uuid.uuid4()), "user": ada.id, "endpoint": None, "updatedAt": now}
            for _ in range(102)
        )
        assert len(ids_of(ada.get("/api/convos", params={"limit": 100}))) == 100
        assert len(ids_of(ada.get("/api/convos"))) == 20

    @pytest.mark.parametrize("search", ["ЛИС", "лис", "a.c*", "hello wor", "LO WOR"])
    def test_search_finds_parts_of_titles_and_texts_in_any_case(self, ada: UserClient, search: str) -> None:
        wanted = begin(ada, "Hello World, Быстрая Лиса, a.c*")
        titled = begin(ada, "Nothing")
        ada.post(
            "/api/convos/update", json={"conversationId": titled, "title": "hello world быстрая лиса a.c* z"}
        )
        begin(ada, "Something else, abc")
        assert sorted(ids_of(ada.get("/api/convos", params={"search": search}))) == sorted([wanted, titled])

    def test_a_hostile_search_is_only_text(self, ada: UserClient) -> None:
        begin(ada)
        for search in ("(((", "$where", "a" * 5000, "\\", "%00", '{"$ne":1}'):
            response = ada.get("/api/convos", params={"search": search})
            assert response.status_code in (200, 400)
            if response.status_code == 200:
                assert ids_of(response) == []

    def test_documents_of_old_librechat_versions_are_listed(self, ada: UserClient, stored: Stored) -> None:
        moment = datetime(2023, 5, 1, 12, 30, 15, 42000, tzinfo=UTC)
        stored.conversations.insert_one(
            {
                "conversationId": f"old-{ada.id}",
                "user": ada.id,
                "endpoint": None,
                "model": None,
                "tags": ["work", None],
                "createdAt": moment,
                "updatedAt": moment,
            }
        )
        assert ada.get("/api/convos").json()["conversations"] == [
            {
                "conversationId": f"old-{ada.id}",
                "title": "New Chat",
                "isArchived": False,
                "tags": ["work"],
                "user": ada.id,
                "createdAt": "2023-05-01T12:30:15.042Z",
                "updatedAt": "2023-05-01T12:30:15.042Z",
            }
        ]


class TestGetConversation:
    def test_anonymous_is_refused(self, api: Client, ada: UserClient) -> None:
        assert api.get(f"/api/convos/{begin(ada)}").status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        for conversation_id in unknown_and_foreign(ada).values():
            response = bob.get(f"/api/convos/{conversation_id}")
            assert response.status_code == 404
            assert response.json()["code"] == "not_found"

    def test_shows_the_conversation(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        conversation = ada.get(f"/api/convos/{conversation_id}").json()
        assert conversation["conversationId"] == conversation_id
        assert conversation["user"] == ada.id
        assert conversation["isArchived"] is False

    def test_times_are_rfc_3339_in_utc_with_milliseconds(self, ada: UserClient) -> None:
        created = ada.get(f"/api/convos/{begin(ada)}").json()["createdAt"]
        assert datetime.now(UTC) - datetime.fromisoformat(created) < timedelta(minutes=5)
        assert len(created) == len("2026-11-23T13:19:58.724Z")

    @pytest.mark.parametrize("conversation_id", ["%24ne", "a%00b", "..%2f..", "%F0%9F%98%80", "x" * 3000])
    def test_any_id_is_only_an_id(self, ada: UserClient, conversation_id: str) -> None:
        assert ada.get(f"/api/convos/{conversation_id}").status_code in (400, 404)


class TestUpdateConversation:
    def test_anonymous_is_refused(self, api: Client, ada: UserClient) -> None:
        body = {"conversationId": begin(ada), "title": "Mine"}
        assert api.post("/api/convos/update", json=body).status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        ids = unknown_and_foreign(ada)
        for conversation_id in ids.values():
            body = {"conversationId": conversation_id, "title": "Taken"}
            assert bob.post("/api/convos/update", json=body).status_code == 404
        assert ada.get(f"/api/convos/{ids['foreign']}").json()["title"] != "Taken"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"conversationId": 1},
            {"conversationId": "x", "isArchived": "yes"},
            {"conversationId": "x", "title": 3},
        ],
    )
    def test_an_invalid_body_is_refused(self, ada: UserClient, body: dict[str, Any]) -> None:
        assert ada.post("/api/convos/update", json=body).status_code == 400

    def test_renames(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        body = {"conversationId": conversation_id, "title": "Ünïcode 🚀"}
        response = ada.post("/api/convos/update", json=body)
        assert response.status_code == 200
        assert response.json()["title"] == "Ünïcode 🚀"
        assert ada.get(f"/api/convos/{conversation_id}").json()["title"] == "Ünïcode 🚀"

    def test_archives_and_restores(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        for state in (True, False):
            body = {"conversationId": conversation_id, "isArchived": state}
            assert ada.post("/api/convos/update", json=body).json()["isArchived"] is state

    def test_what_is_not_named_stays(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        ada.post("/api/convos/update", json={"conversationId": conversation_id, "title": "Kept"})
        body = {"conversationId": conversation_id, "isArchived": True}
        assert ada.post("/api/convos/update", json=body).json()["title"] == "Kept"

    def test_naming_nothing_changes_nothing(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        before = ada.get(f"/api/convos/{conversation_id}").json()
        response = ada.post("/api/convos/update", json={"conversationId": conversation_id})
        assert response.status_code == 200
        assert response.json() == before

    def test_takes_nothing_that_the_contract_does_not_name(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        conversation_id = begin(ada)
        forged = {
            "user": bob.id,
            "_id": "x",
            "tenantId": "t",
            "tags": ["x"],
            "createdAt": "2000-01-01T00:00:00Z",
        }
        body = {"conversationId": conversation_id, "title": "New", **forged}
        assert ada.post("/api/convos/update", json=body).status_code == 200
        document = stored.conversations.find_one({"conversationId": conversation_id})
        assert document is not None
        assert document["user"] == ada.id
        assert "tenantId" not in document
        assert document.get("tags", []) == []
        assert document["createdAt"].year > 2000


class TestGenerateTitle:
    def test_anonymous_is_refused(self, api: Client, ada: UserClient) -> None:
        assert api.post("/api/convos/gen_title", json={"conversationId": begin(ada)}).status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        for conversation_id in unknown_and_foreign(ada).values():
            body = {"conversationId": conversation_id}
            assert bob.post("/api/convos/gen_title", json=body).status_code == 404

    @pytest.mark.parametrize("body", [{}, {"conversationId": None}, []])
    def test_an_invalid_body_is_refused(self, ada: UserClient, body: Any) -> None:
        assert ada.post("/api/convos/gen_title", json=body).status_code == 400

    def test_without_a_provider_it_is_made_from_the_first_question(self, ada: UserClient) -> None:
        conversation_id = begin(ada, "How do I bake bread?", "With flour.", "And cake?")
        response = ada.post("/api/convos/gen_title", json={"conversationId": conversation_id})
        assert response.status_code == 200
        assert "bake bread" in response.json()["title"]

    def test_with_one_it_is_asked_for(self, ada: UserClient, make_application: Callable[..., Client]) -> None:
        conversation_id = begin(ada, "How do I bake bread?", "With flour.")
        with openai_server(Reply(["Baking ", "Bread"])) as server:
            client = make_application(OPENAI_API_KEY="sk", OPENAI_REVERSE_PROXY=server.url)
            body = {"conversationId": conversation_id}
            title = client.post("/api/convos/gen_title", json=body, headers=ada.headers).json()["title"]
        assert title == "Baking Bread"
        assert "How do I bake bread?" in server.chats[0].json["messages"][-1]["content"]

    def test_of_an_endpoint_with_keys_of_its_users_it_is_asked_for_with_theirs(
        self, ada: UserClient, make_application: Callable[..., Client], stored: Stored
    ) -> None:
        conversation_id = begin(ada, "How do I bake bread?", "With flour.")
        stored.conversations.update_one(
            {"conversationId": conversation_id}, {"$set": {"endpoint": "openAI", "model": "gpt-4o"}}
        )
        with openai_server(Reply(["Baking ", "Bread"])) as server:
            client = make_application(OPENAI_API_KEY="user_provided", OPENAI_REVERSE_PROXY=server.url)
            client.headers = ada.headers
            body = {"conversationId": conversation_id}
            title = client.post("/api/convos/gen_title", json=body).json()["title"]
            assert (title, server.chats) == ("How do I bake bread?", [])
            client.put("/api/keys", json={"name": "openAI", "value": "sk-of-adas-own"})
            assert client.post("/api/convos/gen_title", json=body).json()["title"] == "Baking Bread"
            assert server.chats[0].headers["authorization"] == "Bearer sk-of-adas-own"

    def test_the_title_is_stored(self, ada: UserClient) -> None:
        conversation_id = begin(ada, "How do I bake bread?")
        title = ada.post("/api/convos/gen_title", json={"conversationId": conversation_id}).json()["title"]
        assert ada.get(f"/api/convos/{conversation_id}").json()["title"] == title

    def test_a_name_that_its_owner_gives_meanwhile_stays(
        self, ada: UserClient, make_application: Callable[..., Client], stored: Stored
    ) -> None:
        conversation_id = begin(ada, "How do I bake bread?")

        def rename(_: Received) -> Reply:
            mine = {"user": ada.id, "conversationId": conversation_id}
            stored.conversations.update_one(mine, {"$set": {"title": "Mine"}})
            return Reply(["Baking ", "Bread"])

        with openai_server(rename) as server:
            client = make_application(OPENAI_API_KEY="sk", OPENAI_REVERSE_PROXY=server.url)
            body = {"conversationId": conversation_id}
            title = client.post("/api/convos/gen_title", json=body, headers=ada.headers).json()["title"]
        assert server.chats
        assert title == "Mine"
        assert ada.get(f"/api/convos/{conversation_id}").json()["title"] == "Mine"

    def test_a_conversation_without_a_question_keeps_its_title(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = str(uuid.uuid4())
        stored.conversations.insert_one({"conversationId": conversation_id, "user": ada.id, "endpoint": None})
        response = ada.post("/api/convos/gen_title", json={"conversationId": conversation_id})
        assert response.json()["title"] == "New Chat"


class TestForkConversation:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post("/api/convos/fork", json={"conversationId": "x", "messageId": "y"}).status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        conversation_id = begin(ada)
        message_id = ada.get(f"/api/messages/{conversation_id}").json()[0]["messageId"]
        foreign = bob.post(
            "/api/convos/fork", json={"conversationId": conversation_id, "messageId": message_id}
        )
        unknown = bob.post("/api/convos/fork", json={"conversationId": "unknown", "messageId": message_id})
        assert foreign.status_code == unknown.status_code == 404
        assert ids_of(bob.get("/api/convos")) == []

    def test_another_owners_message_in_an_own_conversation_is_not_found(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        message_id = ada.get(f"/api/messages/{begin(ada)}").json()[0]["messageId"]
        body = {"conversationId": begin(bob), "messageId": message_id}
        assert bob.post("/api/convos/fork", json=body).status_code == 404

    @pytest.mark.parametrize("change", [{"option": "everything"}, {"splitAtTarget": "yes"}, {"messageId": 7}])
    def test_an_invalid_body_is_refused(self, ada: UserClient, change: dict[str, Any]) -> None:
        body = {"conversationId": begin(ada), "messageId": "x", **change}
        assert ada.post("/api/convos/fork", json=body).status_code == 400

    @pytest.mark.parametrize("option", [None, "directPath", "includeBranches", "targetLevel"])
    def test_copies_up_to_the_target_under_new_ids(self, ada: UserClient, option: str | None) -> None:
        conversation_id = begin(ada, "one", "two", "three")
        messages = ada.get(f"/api/messages/{conversation_id}").json()
        body = {"conversationId": conversation_id, "messageId": messages[1]["messageId"]}
        response = ada.post("/api/convos/fork", json=body | ({"option": option} if option else {}))
        assert response.status_code == 201
        fork, copies = response.json()["conversation"], response.json()["messages"]
        assert fork["conversationId"] != conversation_id
        assert [copy["text"] for copy in copies] == ["one", "two"]
        assert not {copy["messageId"] for copy in copies} & {message["messageId"] for message in messages}
        assert copies[1]["parentMessageId"] == copies[0]["messageId"]

    def test_the_fork_is_there_and_the_original_untouched(self, ada: UserClient) -> None:
        conversation_id = begin(ada, "one", "two")
        messages = ada.get(f"/api/messages/{conversation_id}").json()
        body = {"conversationId": conversation_id, "messageId": messages[1]["messageId"]}
        fork = ada.post("/api/convos/fork", json=body).json()["conversation"]["conversationId"]
        assert [message["text"] for message in ada.get(f"/api/messages/{fork}").json()] == ["one", "two"]
        assert ada.get(f"/api/messages/{conversation_id}").json() == messages

    def test_splitting_at_the_target_begins_there(self, ada: UserClient) -> None:
        conversation_id = begin(ada, "one", "two", "three")
        messages = ada.get(f"/api/messages/{conversation_id}").json()
        body = {
            "conversationId": conversation_id,
            "messageId": messages[1]["messageId"],
            "splitAtTarget": True,
            "option": "includeBranches",
        }
        copies = ada.post("/api/convos/fork", json=body).json()["messages"]
        assert [copy["text"] for copy in copies] == ["two", "three"]


class TestDeleteConversation:
    def test_anonymous_is_refused(self, api: Client, ada: UserClient) -> None:
        assert api.delete(f"/api/convos/{begin(ada)}").status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        ids = unknown_and_foreign(ada)
        for conversation_id in ids.values():
            assert bob.delete(f"/api/convos/{conversation_id}").status_code == 404
        assert ada.get(f"/api/convos/{ids['foreign']}").status_code == 200

    def test_takes_the_messages_along(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, kept = begin(ada, "one", "two"), begin(ada)
        assert ada.delete(f"/api/convos/{conversation_id}").status_code == 200
        assert ada.get(f"/api/convos/{conversation_id}").status_code == 404
        assert stored.messages.count_documents({"conversationId": conversation_id}) == 0
        assert ids_of(ada.get("/api/convos")) == [kept]

    def test_a_second_time_it_is_not_found(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        ada.delete(f"/api/convos/{conversation_id}")
        assert ada.delete(f"/api/convos/{conversation_id}").status_code == 404
