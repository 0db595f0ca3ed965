"""Sharded by the keys that `docs/operations.md` names, MongoDB could send each command to its owner's shards.

There is no `mongos` to be had for the tests. So each command that a session of both contracts causes is held against
the rules by which `mongos` routes: one value for the first field of the key is enough to leave other shards alone;
what changes one document (`updateOne`, `deleteOne`, `findAndModify`) needs the whole key, or `_id` beside the owner,
where an owner's documents may be on two shards.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from storage.core.database import Database, Document
from tests.conftest import UserClient

# The collection, and its key.
KEYS = {"messages": ("user", "messageId"), "conversations": ("user", "conversationId")}
ARTIFACT = 'Here:\n:::artifact{title="Sum"}\n```js\n1 + 1\n```\n:::\n'


def test_every_command_of_a_session_goes_to_the_shards_of_its_owner(
    ada: UserClient, app_database: Database
) -> None:
    with commands(app_database) as sent:
        use(ada)
    assert len(sent) > 60
    assert {each for each in map(untargeted, sent) if each} == set()
    assert {each for each in map(needs_more, sent) if each} == set()


def use(user: UserClient) -> None:
    """What people do with conversations, in both contracts."""
    talk = str(uuid.uuid4())
    said = [posted(user, talk, text) for text in ("one", "two", ARTIFACT)]
    message = f"/api/messages/{talk}/{said[1]['messageId']}"
    for path in (
        "/api/convos",
        f"/api/convos/{talk}",
        "/api/convos?search=tw",
        "/api/messages",
        "/api/messages?search=tw",
        f"/api/messages/{talk}",
        message,
    ):
        for before in ("", "/chat"):
            done(user, "GET", before + path)
    done(user, "GET", "/api/convos/export")
    done(user, "GET", "/api/user/export")
    done(user, "PUT", message, {"text": "changed"})
    done(user, "PUT", f"/chat{message}", {"text": "again"})
    edit = {"index": 0, "original": "1 + 1\n", "updated": "1 + 2\n"}
    done(user, "POST", f"/chat/api/messages/artifact/{said[2]['messageId']}", edit)
    done(user, "PUT", f"{message}/feedback", {"feedback": {"rating": "thumbsUp"}})
    done(user, "POST", "/api/convos/update", {"conversationId": talk, "title": "New"})
    for name, change in (
        ("update", {"title": "Newer"}),
        ("pin", {"pinned": True}),
        ("archive", {"isArchived": False}),
    ):
        done(user, "POST", f"/chat/api/convos/{name}", {"arg": {"conversationId": talk, **change}})
    done(user, "POST", "/chat/api/convos/duplicate", {"conversationId": talk})
    fork = {"conversationId": talk, "messageId": said[1]["messageId"], "option": "directPath"}
    done(user, "POST", "/api/convos/fork", fork)
    done(user, "PUT", f"/chat/api/tags/convo/{talk}", {"tags": ["Garden"]})
    done(user, "PUT", "/chat/api/tags/Garden", {"tag": "Yard"})
    done(user, "GET", "/chat/api/convos?tags=Yard")
    done(user, "DELETE", "/chat/api/tags/Yard")
    project = done(user, "POST", "/chat/api/projects", {"name": "House"})["_id"]
    done(user, "PUT", f"/chat/api/projects/conversations/{talk}", {"projectId": project})
    done(user, "GET", f"/chat/api/convos?projectId={project}")
    done(user, "DELETE", f"/chat/api/projects/{project}")
    share = f"/chat/api/share/{done(user, 'POST', f'/chat/api/share/{talk}', {})['shareId']}"
    done(user, "GET", share)
    done(user, "PATCH", share, {})
    done(user, "DELETE", share)
    for before in ("", "/chat"):
        chat(user, before, talk)
    done(user, "DELETE", f"/api/messages/{talk}/{said[2]['messageId']}")
    done(user, "DELETE", f"/chat/api/messages/{talk}/{said[1]['messageId']}")
    done(user, "DELETE", f"/api/convos/{talk}")
    done(user, "POST", "/chat/api/convos/archive/all", {})
    done(user, "DELETE", "/chat/api/convos/all")


def posted(user: UserClient, talk: str, text: str) -> Any:
    return done(user, "POST", f"/api/messages/{talk}", {"text": text, "sender": "user"})


def chat(user: UserClient, before: str, talk: str) -> None:
    """A turn of a chat, read to its end."""
    asked = {"text": "Hello", "conversationId": talk, "endpoint": "openAI", "model": "gpt-4o"}
    path = f"{before}/api/agents/chat"
    stream = done(user, "POST", f"{path}/openAI", asked)["streamId"]
    assert '"final":true' in user.get(f"{path}/stream/{stream}").text


def done(user: UserClient, method: str, path: str, body: object = None) -> Any:
    """The answer of a request, which must succeed."""
    response = user.request(method, path, **({} if body is None else {"json": body}))
    assert response.is_success, (method, path, response.text)
    return response.json() if "json" in response.headers.get("content-type", "") else None


@contextmanager
def commands(database: Database) -> Iterator[list[Document]]:
    """What MongoDB notes of the commands of the block on both collections."""
    raw = database.collection("messages").database
    notes: list[Document] = []
    raw.create_collection("system.profile", capped=True, size=8_000_000)
    raw.command("profile", 2)
    try:
        yield notes
    finally:
        raw.command("profile", 0)
        namespaces = [f"{raw.name}.{name}" for name in KEYS]
        notes += raw["system.profile"].find({"ns": {"$in": namespaces}, "op": {"$in": [*KINDS]}})
        raw.drop_collection("system.profile")


KINDS = {"query": "filter", "update": "q", "remove": "q", "command": "query"}
CHANGES_ONE = {"update", "remove", "findAndModify"}


def read(note: Document) -> tuple[str, str, Mapping[str, Any]]:
    """A command's collection, its name, and its filter."""
    collection, command = note["ns"].partition(".")[2], note["command"]
    name = note["op"] if note["op"] in ("update", "remove") else next(iter(command))
    if name == "aggregate":
        first = next(iter(command["pipeline"]), {})
        return collection, name, first.get("$match", {})
    return collection, name, command.get(KINDS.get(note["op"], "query"), command.get("filter", {}))


def fixed(query: Mapping[str, Any], field: str) -> bool:
    """Whether a filter has one value for a field."""
    if field in query:
        value = query[field]
        return not isinstance(value, Mapping) or set(value) == {"$eq"}
    return any(fixed(each, field) for each in query.get("$and", ())) or (
        "$or" in query and all(fixed(each, field) for each in query["$or"])
    )


def untargeted(note: Document) -> tuple[str, ...] | None:
    """What every shard would be asked: its collection, command and fields."""
    collection, name, query = read(note)
    return None if fixed(query, KEYS[collection][0]) else (collection, name, *sorted(query))


def needs_more(note: Document) -> tuple[str, ...] | None:
    """What changes one document that `mongos` before 8.0 would not look for on two shards."""
    collection, name, query = read(note)
    command = note["command"]
    several = command.get("multi", False) or (name == "remove" and command.get("limit", 1) == 0)
    if name not in CHANGES_ONE or several or fixed(query, KEYS[collection][1]):
        return None
    if name != "findAndModify" and not command.get("upsert") and fixed(query, "_id"):
        return None
    return collection, name, *sorted(query)
