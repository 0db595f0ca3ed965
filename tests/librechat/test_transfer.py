"""A database that LibreChat wrote, exported and brought into another account."""

import json
from collections.abc import Callable
from typing import Any

from tests.conftest import Client
from tests.librechat.conftest import Documents
from tests.librechat.test_changes import difference

LogIn = Callable[[str], Client]
Content = Callable[[], Documents]


def pages(client: Client, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/api/convos", params={"limit": 100, **params, **cursor}).json()
        found += page["conversations"]
        if not page["nextCursor"]:
            return found
        cursor = {"cursor": page["nextCursor"]}


def listed(client: Client) -> list[dict[str, Any]]:
    return [*pages(client), *pages(client, isArchived="true")]


def count(messages: list[dict[str, Any]]) -> int:
    return sum(1 + count(each["children"]) for each in messages)


def upload(client: Client, content: bytes) -> dict[str, Any]:
    answer = client.post("/api/convos/import", files={"file": ("all.json", content)})
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


def test_everything_that_is_listed_is_exported(log_in: LogIn, content: Content) -> None:
    client = log_in("ada")
    before = content()
    exported = client.get("/api/convos/export").json()
    assert content() == before
    assert {each["conversationId"] for each in exported} == {
        each["conversationId"] for each in listed(client)
    }
    for each in exported:
        messages = client.get(f"/api/messages/{each['conversationId']}").json()
        assert count(each["messages"]) == len(messages)


def test_into_the_same_account_it_changes_nothing(log_in: LogIn, content: Content) -> None:
    client = log_in("ada")
    before = content()
    summary = upload(client, client.get("/api/convos/export").content)
    assert (summary["created"], summary["completed"], summary["messagesAdded"]) == (0, 0, 0)
    assert difference(before, content()) == {}


def test_into_another_account_it_is_the_same(log_in: LogIn, content: Content) -> None:
    ada, bob = log_in("ada"), log_in("bob")
    exported = ada.get("/api/convos/export").content
    before = content()
    summary = upload(bob, exported)
    with_messages = [each for each in json.loads(exported) if each["messages"]]
    assert summary["created"] == len(with_messages)
    assert summary["skipped"] == len(json.loads(exported)) - len(with_messages)
    found = difference(before, content())
    assert found.keys() == {"conversations", "messages"}
    assert found["conversations"] == (len(with_messages), 0, [])
    owner = bob.get("/api/user").json()["id"]
    added = [each for each in content()["messages"].values() if each["_id"] not in before["messages"]]
    assert {each["user"] for each in added} == {owner}
    named = {
        name
        for each in content()["conversations"].values()
        if each["_id"] not in before["conversations"]
        for name in each["messages"]
    }
    assert named == {each["_id"] for each in added}
    again = upload(bob, exported)
    assert (again["created"], again["unchanged"]) == (0, len(with_messages))
