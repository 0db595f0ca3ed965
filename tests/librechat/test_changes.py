"""What a change through Echo leaves in LibreChat's database: what was meant to change, and nothing else."""

from collections.abc import Callable
from typing import Any

from tests.conftest import Client
from tests.librechat.conftest import Documents

LogIn = Callable[[str], Client]
Content = Callable[[], Documents]
CHANGED_AT = {"updatedAt"}


def difference(before: Documents, after: Documents) -> dict[str, Any]:
    """By collection: how many documents came and went, and which fields of which others changed."""
    found: dict[str, Any] = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name, {}), after.get(name, {})
        changed = [
            {
                field
                for field in old[each].keys() | new[each].keys()
                if old[each].get(field) != new[each].get(field)
            }
            for each in old.keys() & new.keys()
        ]
        summary = (
            len(new.keys() - old.keys()),
            len(old.keys() - new.keys()),
            [each for each in changed if each],
        )
        if summary != (0, 0, []):
            found[name] = summary
    return found


def a_conversation(content: Content, client: Client, least: int) -> dict[str, Any]:
    """One of the user's with at least so many messages."""
    owner = client.get("/api/user").json()["id"]
    return next(
        each
        for each in content()["conversations"].values()
        if each["user"] == owner and len(each["messages"]) >= least and not each.get("isArchived")
    )


def test_rename(log_in: LogIn, content: Content) -> None:
    client = log_in("ada")
    identifier = a_conversation(content, client, 1)["conversationId"]
    before = content()
    answer = client.post("/api/convos/update", json={"conversationId": identifier, "title": "Umbenannt"})
    assert answer.status_code == 200
    [changed] = difference(before, content()).pop("conversations")[2]
    assert changed - {"_meiliIndex"} == {"title", "updatedAt"}
    assert difference(before, content()).keys() == {"conversations"}


def test_archive_and_restore(log_in: LogIn, content: Content) -> None:
    client = log_in("ada")
    identifier = a_conversation(content, client, 1)["conversationId"]
    before = content()
    for archived in (True, False):
        body = {"conversationId": identifier, "isArchived": archived}
        assert client.post("/api/convos/update", json=body).status_code == 200
    found = difference(before, content())
    assert all(
        fields <= {"archivedAt", "_meiliIndex"} for fields in found.pop("conversations", (0, 0, []))[2]
    )
    assert found == {}


def test_post_and_edit(log_in: LogIn, content: Content) -> None:
    client = log_in("ada")
    identifier = a_conversation(content, client, 2)["conversationId"]
    before = content()
    posted = client.post(f"/api/messages/{identifier}", json={"text": "One more", "sender": "user"}).json()
    found = difference(before, content())
    assert found.pop("messages") == (1, 0, [])
    [changed] = found.pop("conversations")[2]
    assert changed - {"_meiliIndex"} == {"messages", "updatedAt"}
    assert found == {}
    before = content()
    path = f"/api/messages/{identifier}/{posted['messageId']}"
    assert client.put(path, json={"text": "One less"}).status_code == 200
    found = difference(before, content())
    [changed] = found.pop("messages")[2]
    assert changed - {"_meiliIndex", "tokenCount"} == {"text", "updatedAt"}
    assert [fields - {"_meiliIndex"} for fields in found.pop("conversations")[2]] == [CHANGED_AT]
    assert found == {}


def test_a_message_without_an_id_is_edited_and_deleted(log_in: LogIn, content: Content) -> None:
    client = log_in("ada")
    [stored] = [each for each in content()["messages"].values() if each["messageId"] is None]
    path = f"/api/messages/{stored['conversationId']}/{stored['_id']}"
    before = content()
    assert client.put(path, json={"text": "now edited"}).json()["text"] == "now edited"
    assert content()["messages"][stored["_id"]]["messageId"] is None
    assert client.delete(path).status_code == 200
    assert difference(before, content())["messages"] == (0, 1, [])


def test_fork(log_in: LogIn, content: Content) -> None:
    client = log_in("ada")
    conversation = a_conversation(content, client, 4)
    messages = client.get(f"/api/messages/{conversation['conversationId']}").json()
    before = content()
    body = {"conversationId": conversation["conversationId"], "messageId": messages[-1]["messageId"]}
    forked = client.post("/api/convos/fork", json=body).json()
    found = difference(before, content())
    assert found == {"conversations": (1, 0, []), "messages": (len(forked["messages"]), 0, [])}


def test_delete(log_in: LogIn, content: Content) -> None:
    client = log_in("ada")
    conversation = a_conversation(content, client, 4)
    before = content()
    count = sum(
        each["conversationId"] == conversation["conversationId"] and each["user"] == conversation["user"]
        for each in before["messages"].values()
    )
    assert client.delete(f"/api/convos/{conversation['conversationId']}").status_code == 200
    assert difference(before, content()) == {"conversations": (0, 1, []), "messages": (0, count, [])}
