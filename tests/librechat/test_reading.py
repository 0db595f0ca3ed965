"""All that LibreChat's users have is there, complete and in order, and reading it changes nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Client
from tests.librechat.conftest import PASSWORDS, Documents

LogIn = Callable[[str], Client]
Content = Callable[[], Documents]
EACH_USER = pytest.mark.parametrize("name", PASSWORDS)


def owner_of(content: Content, name: str) -> Any:
    [user] = [each for each in content()["users"].values() if each["email"] == f"{name}@example.test"]
    return user["_id"]


def all_conversations(client: Client, **params: Any) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = client.get(
            "/api/convos", params={"limit": 3, **params, **({"cursor": cursor} if cursor else {})}
        ).json()
        yield from page["conversations"]
        if not (cursor := page["nextCursor"]):
            return


@EACH_USER
@pytest.mark.parametrize("archived", [True, False])
def test_every_conversation_is_listed_newest_first(
    log_in: LogIn, content: Content, name: str, archived: bool
) -> None:
    client, owner = log_in(name), str(owner_of(content, name))
    stored = [
        each
        for each in content()["conversations"].values()
        if each["user"] == owner and bool(each.get("isArchived")) is archived
    ]
    listed = list(all_conversations(client, isArchived=archived))
    newest_first = sorted(stored, key=lambda each: (each["updatedAt"], each["_id"]), reverse=True)
    assert [each["conversationId"] for each in listed] == [each["conversationId"] for each in newest_first]
    assert [each["title"] for each in listed] == [each["title"] for each in newest_first]


@EACH_USER
def test_every_message_is_read_with_its_place_in_the_tree(log_in: LogIn, content: Content, name: str) -> None:
    client, owner = log_in(name), str(owner_of(content, name))
    database = content()
    for conversation in database["conversations"].values():
        if conversation["user"] != owner:
            continue
        identifier = conversation["conversationId"]
        stored = [
            each
            for each in database["messages"].values()
            if each["user"] == owner and each["conversationId"] == identifier
        ]
        stored.sort(key=lambda each: (each["createdAt"], each["_id"]))
        read = client.get(f"/api/messages/{identifier}").json() if stored else []
        assert [each["messageId"] for each in read] == [
            each["messageId"] or str(each["_id"]) for each in stored
        ]
        assert [each.get("parentMessageId") for each in read] == [
            each.get("parentMessageId") for each in stored
        ]
        for shown, each in zip(read, stored, strict=True):
            assert shown["text"] == each.get("text") or each.get("content")
        for shown in read:
            one = client.get(f"/api/messages/{identifier}/{shown['messageId']}")
            assert one.json() == shown


@EACH_USER
def test_presets_files_and_the_user_are_there(log_in: LogIn, content: Content, name: str) -> None:
    client, owner = log_in(name), owner_of(content, name)
    database = content()
    presets = [each["presetId"] for each in database["presets"].values() if each["user"] == str(owner)]
    assert sorted(each["presetId"] for each in client.get("/api/presets").json()) == sorted(presets)
    files = [each["file_id"] for each in database["files"].values() if each["user"] == owner]
    assert sorted(each["file_id"] for each in client.get("/api/files").json()) == sorted(files)
    user = client.get("/api/user").json()
    assert (user["id"], user["email"]) == (str(owner), f"{name}@example.test")


@EACH_USER
def test_nobody_sees_what_is_anothers(log_in: LogIn, content: Content, name: str) -> None:
    client, owner = log_in(name), str(owner_of(content, name))
    for conversation in content()["conversations"].values():
        if conversation["user"] != owner:
            answer = client.get(f"/api/convos/{conversation['conversationId']}")
            assert answer.status_code == 404


def test_reading_changes_nothing(log_in: LogIn, content: Content) -> None:
    before = content()
    for name in PASSWORDS:
        client = log_in(name)
        for conversation in all_conversations(client):
            client.get(f"/api/messages/{conversation['conversationId']}")
            client.get(f"/api/convos/{conversation['conversationId']}")
        client.get("/api/messages", params={"search": "the"})
        client.get("/api/convos", params={"search": "the"})
    after = content()
    # Each login is a session.
    added = after.pop("sessions").keys() - before.pop("sessions").keys()
    assert len(added) == len(PASSWORDS)
    assert {name: after[name] for name in before} == before
