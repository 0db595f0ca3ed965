"""All that LibreChat's users have is there, complete and in order, and reading it changes nothing."""

from typing import Any

import pytest

from tests.librechat.conftest import PASSWORDS
from tests.support.librechat import (
    Content,
    LogIn,
    difference,
    every_conversation,
    every_message,
    owned,
    stored_text,
    user_id,
)

EACH_USER = pytest.mark.parametrize("name", PASSWORDS)


def by_change(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(documents, key=lambda each: (each["updatedAt"], each["_id"]), reverse=True)


def by_age(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(documents, key=lambda each: (each["createdAt"], each["_id"]))


@EACH_USER
class TestConversations:
    @pytest.mark.parametrize("archived", [True, False])
    def test_are_all_listed_newest_first(
        self, log_in: LogIn, content: Content, name: str, archived: bool
    ) -> None:
        client = log_in(name)
        stored = [
            each
            for each in owned(content(), "conversations", user_id(content, name))
            if bool(each.get("isArchived")) is archived
        ]
        assert stored
        listed = every_conversation(client, isArchived=archived)
        assert [each["conversationId"] for each in listed] == [
            each["conversationId"] for each in by_change(stored)
        ]
        assert [each["title"] for each in listed] == [each["title"] for each in by_change(stored)]

    def test_are_read_one_by_one_as_they_are_listed(self, log_in: LogIn, name: str) -> None:
        client = log_in(name)
        for listed in every_conversation(client):
            assert client.get(f"/api/convos/{listed['conversationId']}").json() == listed

    def test_show_their_fields(self, log_in: LogIn, content: Content, name: str) -> None:
        client = log_in(name)
        for stored in owned(content(), "conversations", user_id(content, name)):
            read = client.get(f"/api/convos/{stored['conversationId']}").json()
            for field in ("conversationId", "title", "model", "endpoint", "isArchived", "user"):
                assert read.get(field) == stored.get(field), field
            assert read["tags"] == [tag for tag in stored["tags"] if tag is not None]

    def test_of_others_are_not_there(self, log_in: LogIn, content: Content, name: str) -> None:
        client, owner = log_in(name), str(user_id(content, name))
        for conversation in content()["conversations"].values():
            if conversation["user"] != owner:
                answer = client.get(f"/api/convos/{conversation['conversationId']}")
                assert answer.status_code == 404


@EACH_USER
class TestMessages:
    def test_are_all_read_with_their_places_in_the_tree(
        self, log_in: LogIn, content: Content, name: str
    ) -> None:
        client, owner = log_in(name), user_id(content, name)
        database = content()
        for conversation in owned(database, "conversations", owner):
            path = f"/api/messages/{conversation['conversationId']}"
            stored = by_age(
                [
                    each
                    for each in owned(database, "messages", owner)
                    if each["conversationId"] == conversation["conversationId"]
                ]
            )
            read = client.get(path).json()
            names = [each["messageId"] or str(each["_id"]) for each in stored]
            assert [each["messageId"] for each in read] == names
            for shown, each in zip(read, stored, strict=True):
                assert shown["text"] == stored_text(each)
                assert shown.get("parentMessageId") == each.get("parentMessageId")
                assert (shown["sender"] == "user") is each["isCreatedByUser"]
                assert client.get(f"{path}/{shown['messageId']}").json() == shown

    def test_are_listed_newest_first_over_all_pages(self, log_in: LogIn, content: Content, name: str) -> None:
        client = log_in(name)
        stored = by_age(owned(content(), "messages", user_id(content, name)))[::-1]
        assert len(stored) > 30
        listed = every_message(client)
        assert [each["messageId"] for each in listed] == [
            each["messageId"] or str(each["_id"]) for each in stored
        ]


@EACH_USER
class TestSearch:
    @pytest.mark.parametrize(
        "term",
        ["python", "PONG W0", "question 1", "rest api?", "travel", "edited", "für", "🍲", "no such thing"],
    )
    def test_finds_texts_wherever_they_are_kept(
        self, log_in: LogIn, content: Content, name: str, term: str
    ) -> None:
        client, owner = log_in(name), user_id(content, name)
        expected = [
            each for each in owned(content(), "messages", owner) if term.lower() in stored_text(each).lower()
        ]
        found = every_message(client, search=term)
        assert [each["text"] for each in found] == [stored_text(each) for each in by_age(expected)[::-1]]
        containing = {each["conversationId"] for each in expected}
        conversations = [
            each
            for each in owned(content(), "conversations", owner)
            if not each["isArchived"]
            and (each["conversationId"] in containing or term.lower() in each["title"].lower())
        ]
        assert [each["conversationId"] for each in every_conversation(client, search=term)] == [
            each["conversationId"] for each in by_change(conversations)
        ]

    def test_is_a_test_of_texts_in_both_places(self, content: Content, log_in: LogIn, name: str) -> None:
        messages = owned(content(), "messages", user_id(content, name))
        assert any(each["text"] for each in messages)
        assert any(not each["text"] and each.get("content") for each in messages)


@EACH_USER
class TestTheRest:
    def test_presets_are_there_in_librechats_order(self, log_in: LogIn, content: Content, name: str) -> None:
        stored = by_change(owned(content(), "presets", user_id(content, name)))
        stored.sort(key=lambda each: each.get("order", 10_000))
        shown = log_in(name).get("/api/presets").json()
        assert [each["presetId"] for each in shown] == [each["presetId"] for each in stored]
        for preset, each in zip(shown, stored, strict=True):
            for field in ("title", "model", "endpoint", "promptPrefix", "temperature"):
                assert preset[field] == each[field]

    def test_files_are_there_the_last_changed_first(self, log_in: LogIn, content: Content, name: str) -> None:
        stored = by_change(owned(content(), "files", user_id(content, name)))
        shown = log_in(name).get("/api/files").json()
        assert [each["file_id"] for each in shown] == [each["file_id"] for each in stored]
        for file, each in zip(shown, stored, strict=True):
            for field in ("filename", "bytes", "type", "width", "height"):
                assert file.get(field) == each.get(field)

    def test_the_user_is_the_user(self, log_in: LogIn, content: Content, name: str) -> None:
        stored = content()["users"][user_id(content, name)]
        user = log_in(name).get("/api/user").json()
        assert user["id"] == str(stored["_id"])
        assert user["role"] == {"ADMIN": "admin", "USER": "user"}[stored["role"]]
        for field in ("email", "name", "username"):
            assert user[field] == stored[field]


class TestWhatLibreChatsOwnContractShows:
    """Literally what LibreChat answered for the same documents."""

    def test_presets_with_all_their_fields(self, log_in: LogIn) -> None:
        (default, *_) = log_in("ada").get("/chat/api/presets").json()
        assert default == {
            "_id": "6b043dd3f4afc5d60a2b640e",
            "presetId": "94ca8407-2409-4d1a-81f3-3a8798f3551a",
            "user": "6b043d3a061cc954c9774424",
            "__v": 0,
            "createdAt": "2026-11-23T13:21:23.596Z",
            "endpoint": "Fake",
            "endpointType": "custom",
            "isArchived": False,
            "model": "fake-small",
            "promptPrefix": "Be brief",
            "tags": [],
            "temperature": 0.5,
            "title": "First renamed",
            "updatedAt": "2026-11-23T13:21:23.620Z",
            "defaultPreset": True,
            "order": 0,
        }

    def test_prompts_for_their_owner_alone(self, log_in: LogIn) -> None:
        group, prompt = "6b043dfcf4afc5d60a2b651f", "6b043dfcf4afc5d60a2b6521"
        ada = log_in("ada")
        (listed,) = ada.get("/chat/api/prompts/all").json()
        assert listed == {
            "_id": group,
            "__v": 0,
            "author": "6b043d3a061cc954c9774424",
            "authorName": "Ada Admin",
            "category": "idea",
            "command": "say",
            "name": "Sayer",
            "oneliner": "one",
            "productionId": prompt,
            "createdAt": "2026-11-23T13:22:04.997Z",
            "numberOfGenerations": 1,
            "updatedAt": "2026-11-23T13:22:05.110Z",
            "productionPrompt": {"_id": prompt, "prompt": "Say {{x}}"},
            "isPublic": False,
        }
        version = {
            "_id": prompt,
            "author": "6b043d3a061cc954c9774424",
            "groupId": group,
            "prompt": "Say {{x}}",
            "type": "text",
            "__v": 0,
            "createdAt": "2026-11-23T13:22:05.000Z",
            "updatedAt": "2026-11-23T13:22:05.000Z",
        }
        assert ada.get("/chat/api/prompts", params={"groupId": group}).json() == [version]
        assert ada.get(f"/chat/api/prompts/groups/{group}").json()["productionPrompt"] == version
        assert log_in("bob").get("/chat/api/prompts/all").json() == []

    def test_memories(self, log_in: LogIn) -> None:
        assert log_in("ada").get("/chat/api/memories").json()["memories"] == [
            {
                "_id": "6b043dfd061cc954c9774869",
                "userId": "6b043d3a061cc954c9774424",
                "key": "likes",
                "value": "green tea",
                "tokenCount": 2,
                "updated_at": "2026-11-23T13:22:05.210Z",
                "__v": 0,
            }
        ]


def test_reading_changes_nothing(log_in: LogIn, content: Content) -> None:
    before = content()
    for name in PASSWORDS:
        client = log_in(name)
        for conversation in every_conversation(client):
            client.get(f"/api/messages/{conversation['conversationId']}")
            client.get(f"/api/convos/{conversation['conversationId']}")
        for path in ("/api/presets", "/api/files", "/api/user"):
            client.get(path)
        for path in ("presets", "prompts", "prompts/all", "prompts/groups", "memories", "skills"):
            client.get(f"/chat/api/{path}")
        for file in client.get("/api/files").json():
            client.get(file["filepath"])
        every_message(client, search="the")
        every_conversation(client, search="the")
    # Each login is a session.
    assert difference(before, content()) == {"sessions": (len(PASSWORDS), 0, [])}


class TestAgents:
    def test_are_there_for_whom_librechat_lets_in(self, log_in: LogIn, content: Content) -> None:
        (stored,) = content()["agents"].values()
        ada = log_in("ada")
        (listed,) = ada.get("/chat/api/agents").json()["data"]
        assert (listed["id"], listed["name"], listed["isEditable"]) == (stored["id"], stored["name"], True)
        assert log_in("bob").get("/chat/api/agents").json()["data"] == []

    def test_are_read_whole(self, log_in: LogIn, content: Content) -> None:
        (stored,) = content()["agents"].values()
        ada = log_in("ada")
        read = ada.get(f"/chat/api/agents/{stored['id']}/expanded").json()
        for field in ("name", "description", "instructions", "provider", "model", "tools", "category"):
            assert read.get(field) == stored.get(field), field
        assert read["version"] == len(stored["versions"])
        versions = ada.get(f"/chat/api/agents/{stored['id']}/versions").json()
        assert [each["instructions"] for each in versions] == [
            each["instructions"] for each in stored["versions"]
        ]

    def test_reading_changes_nothing(self, log_in: LogIn, content: Content) -> None:
        ada = log_in("ada")
        before = content()
        agent_id = ada.get("/chat/api/agents").json()["data"][0]["id"]
        for path in ("", "/expanded", "/versions"):
            assert ada.get(f"/chat/api/agents/{agent_id}{path}").status_code == 200
        assert "agents" not in difference(before, content())
