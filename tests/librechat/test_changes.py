"""What a change through Echo leaves in LibreChat's database: what was meant to change, and nothing else.

`difference` looks at every field of every document of every collection, so a field that Echo does not know is missed
as well as any other.
"""

from typing import Any

import pytest

from tests.conftest import Client
from tests.support.librechat import (
    Content,
    Document,
    Documents,
    LogIn,
    added,
    changed_fields,
    difference,
    owned,
    stored_text,
    user_id,
)

# What a copied message has of its own; `updatedAt` follows `createdAt` where that had to move.
OF_A_COPY = {"_id", "messageId", "conversationId", "parentMessageId"}
TIMES = {"createdAt", "updatedAt"}
# LibreChat's project of Ada's conversation is told of each change, as LibreChat's own server tells it.
LAST_CHANGE = (0, 0, [{"lastConversationAt", "updatedAt"}])
TAGGED = (0, 0, [{"count", "updatedAt"}] * 2)
RECOUNTED = (0, 0, [{"conversationCount", "lastConversationAt", "lastConversationId", "updatedAt"}])


def a_conversation(content: Content, least: int = 1) -> Document:
    """One of Ada's with at least so many messages."""
    return next(
        each
        for each in owned(content(), "conversations", user_id(content, "ada"))
        if len(each["messages"]) >= least and not each["isArchived"]
    )


def with_branches(documents: Documents) -> Document:
    """A conversation in which a question has several answers, and its answers further questions."""
    for conversation in documents["conversations"].values():
        messages = messages_of(documents, conversation)
        parents = [each.get("parentMessageId") for each in messages]
        if len(messages) > 6 and any(
            parents.count(each["messageId"]) > 1 and each["messageId"] for each in messages
        ):
            return conversation
    raise AssertionError("the database has no conversation with branches")


def messages_of(documents: Documents, conversation: Document) -> list[Document]:
    mine = [
        each
        for each in documents["messages"].values()
        if (each["conversationId"], each["user"]) == (conversation["conversationId"], conversation["user"])
    ]
    return sorted(mine, key=lambda each: (each["createdAt"], each["_id"]))


class TestConversation:
    def test_is_renamed(self, log_in: LogIn, content: Content) -> None:
        client, identifier = log_in("ada"), a_conversation(content)["conversationId"]
        before = content()
        answer = client.post(
            "/api/convos/update", json={"conversationId": identifier, "title": "Umbenannt 🍲"}
        )
        assert answer.status_code == 200
        # `_meiliIndex` tells LibreChat's search, where it is in use, to read it again.
        assert difference(before, content()) == {
            "conversations": (0, 0, [{"title", "updatedAt", "_meiliIndex"}]),
            "chatprojects": LAST_CHANGE,
        }

    def test_is_archived_and_restored(self, log_in: LogIn, content: Content) -> None:
        client, identifier = log_in("ada"), a_conversation(content)["conversationId"]
        before = content()
        body = {"conversationId": identifier, "isArchived": True}
        assert client.post("/api/convos/update", json=body).status_code == 200
        assert difference(before, content()) == {
            "conversations": (0, 0, [{"isArchived", "archivedAt"}]),
            "chatprojects": RECOUNTED,
        }
        assert client.post("/api/convos/update", json={**body, "isArchived": False}).status_code == 200
        # LibreChat leaves a null there, too.
        assert difference(before, content()) == {
            "conversations": (0, 0, [{"archivedAt"}]),
            "chatprojects": (0, 0, [{"updatedAt"}]),
        }

    def test_is_deleted_with_its_messages(self, log_in: LogIn, content: Content) -> None:
        client, conversation = log_in("ada"), a_conversation(content, 4)
        before = content()
        count = len(messages_of(before, conversation))
        assert client.delete(f"/api/convos/{conversation['conversationId']}").status_code == 200
        assert difference(before, content()) == {
            "conversations": (0, 1, []),
            "messages": (0, count, []),
            "chatprojects": RECOUNTED,
            "conversationtags": TAGGED,
            "sharedlinks": (0, 1, []),
            "aclentries": (0, 2, []),
        }

    def test_gets_a_title(self, log_in: LogIn, content: Content) -> None:
        client, identifier = log_in("ada"), a_conversation(content, 2)["conversationId"]
        before = content()
        assert client.post("/api/convos/gen_title", json={"conversationId": identifier}).status_code == 200
        [changed] = difference(before, content()).pop("conversations")[2]
        assert changed == {"title", "updatedAt", "_meiliIndex"}


class TestMessage:
    def test_is_posted_and_edited(self, log_in: LogIn, content: Content) -> None:
        client, identifier = log_in("ada"), a_conversation(content, 2)["conversationId"]
        before = content()
        posted = client.post(
            f"/api/messages/{identifier}", json={"text": "One more", "sender": "user"}
        ).json()
        assert difference(before, content()) == {
            "messages": (1, 0, []),
            "conversations": (0, 0, [{"messages", "updatedAt"}]),
            "chatprojects": LAST_CHANGE,
        }
        before = content()
        path = f"/api/messages/{identifier}/{posted['messageId']}"
        assert client.put(path, json={"text": "One less, or two"}).status_code == 200
        assert difference(before, content()) == {
            "messages": (0, 0, [{"text", "updatedAt", "tokenCount"}]),
            "conversations": (0, 0, [{"updatedAt"}]),
            "chatprojects": LAST_CHANGE,
        }

    def test_an_answer_in_parts_is_edited(self, log_in: LogIn, content: Content) -> None:
        client = log_in("ada")
        stored = next(
            each
            for each in owned(content(), "messages", user_id(content, "ada"))
            if each.get("content") and not each["text"] and each.get("metadata")
        )
        before = content()
        path = f"/api/messages/{stored['conversationId']}/{stored['messageId']}"
        assert client.put(path, json={"text": "Better so"}).json()["text"] == "Better so"
        found = difference(before, content())
        [changed] = found["messages"][2]
        assert changed - {"tokenCount"} == {"text", "content", "updatedAt"}
        after = content()["messages"][stored["_id"]]
        assert after["content"] == [{"type": "text", "text": "Better so"}]
        assert after["metadata"] == stored["metadata"]
        assert found["conversations"] == (0, 0, [{"updatedAt"}])

    def test_without_an_id_is_edited_and_deleted(self, log_in: LogIn, content: Content) -> None:
        client = log_in("ada")
        [stored] = [each for each in content()["messages"].values() if each["messageId"] is None]
        path = f"/api/messages/{stored['conversationId']}/{stored['_id']}"
        before = content()
        assert client.put(path, json={"text": "now edited"}).json()["text"] == "now edited"
        assert content()["messages"][stored["_id"]]["messageId"] is None
        assert client.delete(path).status_code == 200
        assert difference(before, content())["messages"] == (0, 1, [])

    def test_in_the_middle_of_a_tree_is_deleted(self, log_in: LogIn, content: Content) -> None:
        client, before = log_in("ada"), content()
        conversation = with_branches(before)
        messages = messages_of(before, conversation)
        parents = [each.get("parentMessageId") for each in messages]
        target = next(
            each
            for each in messages
            if each["messageId"] in parents and each["parentMessageId"] in [m["messageId"] for m in messages]
        )
        children = [each for each in messages if each.get("parentMessageId") == target["messageId"]]
        before = content()
        path = f"/api/messages/{conversation['conversationId']}/{target['messageId']}"
        assert client.delete(path).status_code == 200
        assert difference(before, content()) == {
            "messages": (0, 1, [{"parentMessageId"}] * len(children)),
            "conversations": (0, 0, [{"messages", "updatedAt"}]),
            "chatprojects": LAST_CHANGE,
        }
        for child in children:
            after = content()["messages"][child["_id"]]
            assert after["parentMessageId"] == target["parentMessageId"]


@pytest.mark.parametrize("option", ["directPath", "includeBranches", "targetLevel"])
@pytest.mark.parametrize("split", [False, True])
class TestFork:
    def fork(self, client: Client, documents: Documents, option: str, split: bool) -> Any:
        conversation = with_branches(documents)
        messages = messages_of(documents, conversation)
        body = {
            "conversationId": conversation["conversationId"],
            "messageId": messages[len(messages) // 2]["messageId"],
            "option": option,
            "splitAtTarget": split,
        }
        answer = client.post("/api/convos/fork", json=body)
        assert answer.status_code == 201
        return answer.json()

    def test_adds_a_conversation_and_touches_no_other(
        self, log_in: LogIn, content: Content, option: str, split: bool
    ) -> None:
        client, before = log_in("ada"), content()
        before = content()
        forked = self.fork(client, before, option, split)
        assert forked["messages"]
        assert difference(before, content()) == {
            "conversations": (1, 0, []),
            "messages": (len(forked["messages"]), 0, []),
            "chatprojects": RECOUNTED,
            "conversationtags": TAGGED,
        }

    def test_copies_every_field_known_or_not(
        self, log_in: LogIn, content: Content, option: str, split: bool
    ) -> None:
        client, before = log_in("ada"), content()
        self.fork(client, before, option, split)
        after = content()
        [made] = added(before, after, "conversations")
        original = with_branches(before)
        own = {"_id", "conversationId", "messages", "createdAt", "updatedAt", "_meiliIndex"}
        assert changed_fields(original, made) <= own
        originals = messages_of(before, original)
        copies = added(before, after, "messages")
        assert {each["_id"] for each in copies} == set(made["messages"])
        for copy in copies:
            # The original is the one with the same text; of the same questions any will do.
            differences = [
                changed_fields(each, copy)
                for each in originals
                if stored_text(each) == stored_text(copy)
                and each["isCreatedByUser"] == copy["isCreatedByUser"]
            ]
            assert any(fields <= OF_A_COPY | TIMES for fields in differences), differences

    def test_leaves_a_tree_without_loose_ends(
        self, log_in: LogIn, content: Content, option: str, split: bool
    ) -> None:
        forked = self.fork(log_in("ada"), content(), option, split)
        names = {each["messageId"] for each in forked["messages"]}
        roots = [each for each in forked["messages"] if each["parentMessageId"] not in names]
        assert roots
        assert {each["parentMessageId"] for each in roots} == {"00000000-0000-0000-0000-000000000000"}


class TestPresets:
    def test_are_created_and_deleted(self, log_in: LogIn, content: Content) -> None:
        client, before = log_in("ada"), content()
        before = content()
        made = client.post("/api/presets", json={"title": "Mine", "endpoint": "openAI", "temperature": 1})
        assert made.status_code == 201
        assert difference(before, content()) == {"presets": (1, 0, [])}
        body = {"presetId": made.json()["presetId"]}
        assert client.post("/api/presets/delete", json=body).status_code == 201
        assert difference(before, content()) == {}

    def test_of_librechats_are_deleted(self, log_in: LogIn, content: Content) -> None:
        client = log_in("ada")
        before = content()
        preset = client.get("/api/presets").json()[0]
        assert client.post("/api/presets/delete", json={"presetId": preset["presetId"]}).status_code == 201
        assert difference(before, content()) == {"presets": (0, 1, [])}


class TestAccess:
    def test_of_a_role_changes_that_permission_alone(self, log_in: LogIn, content: Content) -> None:
        client = log_in("ada")
        before = content()
        body = {"USE": True, "CREATE": True, "SHARE": True, "SHARE_PUBLIC": False}
        assert client.put("/chat/api/roles/USER/prompts", json=body).status_code == 200
        after = content()
        assert difference(before, after) == {
            "roles": (0, 0, [{"permissions"}]),
            "auditlogs": (1, 0, []),
        }
        [changed] = [each for each in after["roles"].values() if each["name"] == "USER"]
        expected = before["roles"][changed["_id"]]["permissions"] | {"PROMPTS": body}
        assert changed["permissions"] == expected

    def test_of_librechats_things_is_read_and_given(self, log_in: LogIn, content: Content) -> None:
        client = log_in("ada")
        before = content()
        [entry] = [each for each in before["aclentries"].values() if each["resourceType"] == "promptGroup"]
        path = f"/chat/api/permissions/promptGroup/{entry['resourceId']}"
        [owner] = client.get(path).json()["principals"]
        assert (owner["id"], owner["accessRoleId"]) == (str(entry["principalId"]), "promptGroup_owner")
        bob = {"type": "user", "id": str(user_id(content, "bob")), "accessRoleId": "promptGroup_editor"}
        assert client.put(path, json={"updated": [bob], "removed": [], "public": True}).status_code == 200
        given = added(before, content(), "aclentries")
        assert sorted(each["permBits"] for each in given) == [1, 3]
        body = {"updated": [], "removed": [bob], "public": False}
        assert client.put(path, json=body).status_code == 200
        # The owner's grant was looked at for writing: somebody must keep one.
        assert difference(before, content()) == {"aclentries": (0, 0, [{"updatedAt"}])}
