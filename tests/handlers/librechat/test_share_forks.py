"""Shared conversations copied by their readers: `POST /api/share/{shareId}/fork` of LibreChat's contract."""

from typing import Any

import pytest
from bson import ObjectId

from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.handlers.librechat.test_shares import (
    NO_PARENT,
    SHARE,
    Talk,
    keep_private,
    picture_of,
    publish,
    read,
    texts,
)


@pytest.fixture
def talk(ada: UserClient, stored: Stored) -> Talk:
    return Talk(ada, stored)


def fork(user: Client, link: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    response = user.post(f"{SHARE}/{link['shareId']}/fork", json=wanted)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def test_is_the_readers_own_conversation_with_nothing_that_the_link_hides(
    ada: UserClient, bob: UserClient, stored: Stored, talk: Talk
) -> None:
    first = talk.say("one", tokenCount=5)
    talk.say("", first, content=[{"type": "text", "text": "two"}], isCreatedByUser=False, sender="Fake")
    made = fork(bob, publish(ada, talk))
    conversation_id = made["conversation"]["conversationId"]
    conversation = stored.conversations.find_one({"conversationId": conversation_id})
    messages = list(stored.messages.find({"conversationId": conversation_id}).sort("createdAt"))
    assert conversation is not None
    assert conversation.pop("messages") == [each["_id"] for each in messages]
    moment = conversation.pop("createdAt")
    assert conversation.pop("updatedAt") == moment
    assert conversation == {
        "_id": conversation["_id"],
        "conversationId": conversation_id,
        "user": bob.id,
        "title": "A talk",
        "endpoint": "openAI",
        "model": "gpt-4o",
        "tags": [],
        "files": [],
        "isArchived": False,
        "isTemporary": False,
        "expiredAt": None,
        "_meiliIndex": False,
        "__v": 0,
    }
    question, answer = messages
    assert (answer["parentMessageId"], answer["content"]) == (
        question["messageId"],
        [{"type": "text", "text": "two"}],
    )
    assert {name: value for name, value in question.items() if name not in ("_id", "messageId")} == {
        "conversationId": conversation_id,
        "user": bob.id,
        "parentMessageId": NO_PARENT,
        "sender": "User",
        "text": "one",
        "isCreatedByUser": True,
        "tokenCount": 5,
        "endpoint": "openAI",
        "isTemporary": False,
        "expiredAt": None,
        "createdAt": question["createdAt"],
        "updatedAt": question["createdAt"],
        "_meiliIndex": False,
        "__v": 0,
    }
    assert question["createdAt"].isoformat() == "2026-01-01T00:00:01+00:00"
    assert [each["messageId"] for each in made["messages"]] == [each["messageId"] for each in messages]
    for name in ("/api/convos/", "/chat/api/convos/", "/api/messages/"):
        assert bob.get(name + conversation_id).status_code == 200
        assert ada.get(name + conversation_id).status_code == 404


def test_of_a_branch_is_that_message_and_those_above_it(ada: UserClient, bob: UserClient, talk: Talk) -> None:
    root = talk.say("root")
    end = talk.say("end", root)
    talk.say("beside", root)
    talk.say("leaf", end)
    link = publish(ada, talk)
    shown = read(bob, link)
    at = {"targetMessageIndex": texts(shown).index("end"), "shareRevision": shown["updatedAt"]}
    assert texts(fork(bob, link, **at)) == ["root", "end"]
    everything = ["root", "end", "beside", "leaf"]
    # A place says nothing without the reading that it is of, nor one that is not there.
    assert texts(fork(bob, link, targetMessageIndex=1)) == everything
    assert texts(fork(bob, link, **at | {"targetMessageIndex": 4})) == everything
    ada.patch(f"{SHARE}/{link['shareId']}", json={})
    late = bob.post(f"{SHARE}/{link['shareId']}/fork", json=at)
    assert (late.status_code, late.json()["code"]) == (409, "share_changed")


def test_only_by_who_may_read_the_link(
    ada: UserClient, bob: UserClient, api: Client, stored: Stored, talk: Talk
) -> None:
    first = talk.say("one")
    link = publish(ada, talk, targetMessageId=first)
    path = f"{SHARE}/{link['shareId']}/fork"
    assert api.post(path, json={}).status_code == 401
    keep_private(ada, link)
    refused, unknown = bob.post(path, json={}), bob.post(f"{SHARE}/{'x' * 21}/fork", json={})
    assert (refused.status_code, refused.json()["code"]) == (404, unknown.json()["code"])
    assert texts(fork(ada, link)) == ["one"]
    stored.messages.delete_one({"messageId": first})
    gone = ada.post(path, json={})
    assert (gone.status_code, gone.json()["code"]) == (422, "nothing_to_share")


def test_files_stay_the_owners_and_are_shown_by_the_link(
    ada: UserClient, bob: UserClient, stored: Stored, talk: Talk
) -> None:
    picture = picture_of(ada)
    part = {"type": "image_file", "image_file": picture}
    talk.say("look", files=[picture], attachments=[picture], content=[part])
    link = publish(ada, talk)
    made = fork(bob, link)
    [message] = stored.messages.find({"conversationId": made["conversation"]["conversationId"]})
    shown = {
        "filepath": f"/api/share/{link['shareId']}/files/{picture['file_id']}",
        "type": "image/png",
        "filename": "a.png",
    }
    assert message["files"] == message["attachments"] == [shown]
    assert message["content"] == [{"type": "image_file", "image_file": shown}]
    assert stored.files.count_documents({"user": ObjectId(bob.id)}) == 0
    assert bob.get(f"/chat{shown['filepath']}").status_code == 200
    hidden = fork(bob, publish(ada, talk, targetMessageId=talk.say("no files"), snapshotFiles=False))
    assert picture["file_id"] not in str(hidden)
    # Deleted with its conversation, the owner's file is still there.
    assert (
        bob.request(
            "DELETE",
            "/chat/api/convos",
            json={"arg": {"conversationId": made["conversation"]["conversationId"]}},
        ).status_code
        == 201
    )
    assert read(ada, link)["messages"][0]["files"][0]["file_id"] == picture["file_id"]


def test_goes_on_as_any_conversation(ada: UserClient, bob: UserClient, talk: Talk) -> None:
    picture = picture_of(ada)
    talk.say("look", files=[picture])
    made = fork(bob, publish(ada, talk))
    asked = {
        "text": "and now?",
        "conversationId": made["conversation"]["conversationId"],
        "parentMessageId": made["messages"][0]["messageId"],
        "endpoint": "Fake",
    }
    assert bob.post("/chat/api/agents/chat/Fake", json=asked).status_code == 200
