"""Documents as earlier versions of LibreChat left them: with less in them, or with nulls, or kept another way.

LibreChat never migrates: what it wrote years ago lies there until it is written again.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from bson import ObjectId
from pymongo import MongoClient

from echo.settings import Settings
from tests.conftest import Client
from tests.support.librechat import (
    Content,
    Document,
    LogIn,
    added,
    changed_fields,
    difference,
    every_conversation,
    every_message,
)

PASSWORD = "as old as the hills"
THEN = datetime(2023, 4, 1, 12, tzinfo=UTC)
OWNER = ObjectId("64280000aaaaaaaaaaaaaaaa")
ROOT = "00000000-0000-0000-0000-000000000000"

# No username, name, role, provider, emailVerified, tenantId; the hash in the form of bcryptjs.
USER: Document = {"_id": OWNER, "email": "olga@example.test", "plugins": None, "avatar": None}


def conversation(name: str, **fields: Any) -> Document:
    return {"_id": ObjectId(), "conversationId": name, "user": str(OWNER), **fields}


CONVERSATIONS = (
    # Nothing but what finds it.
    conversation("bare"),
    conversation(
        "nulls",
        title=None,
        endpoint=None,
        model=None,
        tags=None,
        isArchived=None,
        expiredAt=None,
        archivedAt=None,
        tenantId=None,
        messages=[],
        createdAt=THEN,
        updatedAt=THEN,
    ),
    conversation(
        "settings",
        title="Old times",
        endpoint="gptPlugins",
        model="gpt-3.5-turbo",
        chatGptLabel="Sage",
        jailbreakConversationId="no longer known",
        toneStyle=None,
        tags=["old", None, 7],
        messages=[],
        createdAt=THEN,
        updatedAt=THEN + timedelta(days=1),
        __v=0,
    ),
    conversation("only a change", title="", isArchived=False, updatedAt=THEN + timedelta(days=2)),
)


def message(name: str | None, text: str | None = None, **fields: Any) -> Document:
    return {
        "_id": ObjectId(),
        "messageId": name,
        "conversationId": "settings",
        "user": str(OWNER),
        "text": text,
        "createdAt": THEN,
        "updatedAt": THEN,
        **fields,
    }


def without(document: Document, *names: str) -> Document:
    return {name: value for name, value in document.items() if name not in names}


MESSAGES = (
    message("question", "What is old?", sender="User", parentMessageId=None, content=None),
    without(
        message(
            "answer",
            content=[{"type": "text", "text": {"value": "Whatever was.", "annotations": []}}],
            sender="ChatGPT",
            isCreatedByUser=False,
            parentMessageId="question",
        ),
        "text",
    ),
    message(
        "parts",
        "",
        content=[
            {"type": "tool_call", "tool_call": {"name": "clock", "output": "12:00"}},
            {"type": "text", "text": "It is noon."},
            None,
            "odd",
        ],
        sender=None,
        isCreatedByUser=False,
        parentMessageId="question",
        plugin={"latest": "clock"},
        tokenCount=None,
        createdAt=THEN + timedelta(minutes=1),
    ),
    without(
        message("undated", "When was this?", sender="user", parentMessageId="parts"), "createdAt", "updatedAt"
    ),
    without(message("loose", "Whose child?", isCreatedByUser=True), "createdAt"),
    message(None, "Nameless", sender="Sage", isCreatedByUser=False, parentMessageId="answer", oldField=[1]),
)
PRESETS = (
    {
        "_id": ObjectId(),
        "presetId": "p-1",
        "user": str(OWNER),
        "title": None,
        "updatedAt": THEN,
        "order": None,
    },
    {"_id": ObjectId(), "presetId": "p-2", "user": str(OWNER), "title": "Second", "temperature": "warm"},
)
FILES = (
    {
        "_id": ObjectId(),
        "user": OWNER,
        "file_id": "f-1",
        "filename": "old.txt",
        "filepath": f"/uploads/{OWNER}/f-1__old.txt",
        "bytes": 3,
        "type": "text/plain",
    },
    {"_id": ObjectId(), "user": OWNER, "file_id": "f-2", "width": None, "metadata": None},
)


@pytest.fixture
def olga(librechat_uri: str, librechat_dir: Path, log_in: LogIn) -> Client:
    """The client of a user all of whose documents are old."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode()
    with MongoClient[Document](librechat_uri) as client:
        raw = client.get_default_database()
        raw["users"].insert_one({**USER, "password": hashed})
        raw["conversations"].insert_many(dict(each) for each in CONVERSATIONS)
        raw["messages"].insert_many(dict(each) for each in MESSAGES)
        raw["presets"].insert_many(dict(each) for each in PRESETS)
        raw["files"].insert_many(dict(each) for each in FILES)
    uploads = librechat_dir / "uploads" / str(OWNER)
    uploads.mkdir()
    (uploads / "f-1__old.txt").write_bytes(b"old")
    return log_in("olga", PASSWORD)


def test_the_user(olga: Client) -> None:
    user = olga.get("/api/user").json()
    assert user == {"id": str(OWNER), "email": "olga@example.test", "role": "user"}
    assert olga.post("/api/auth/refresh").status_code == 200


class TestConversations:
    @pytest.mark.parametrize("limit", [1, 2, 10])
    @pytest.mark.parametrize("order", ["desc", "asc"])
    def test_are_all_listed_the_undated_as_the_oldest(self, olga: Client, limit: int, order: str) -> None:
        listed = [each["conversationId"] for each in every_conversation(olga, limit=limit, order=order)]
        expected = ["only a change", "settings", "nulls", "bare"]
        assert listed == (expected if order == "desc" else expected[::-1])
        assert every_conversation(olga, isArchived=True) == []

    def test_are_read(self, olga: Client) -> None:
        bare = olga.get("/api/convos/bare").json()
        assert bare == {
            "conversationId": "bare",
            "title": "New Chat",
            "isArchived": False,
            "tags": [],
            "user": str(OWNER),
        }
        assert olga.get("/api/convos/nulls").json()["title"] == "New Chat"
        assert olga.get("/api/convos/settings").json()["tags"] == ["old"]
        assert olga.get("/api/messages/bare").json() == []

    @pytest.mark.parametrize("name", ["bare", "nulls", "settings"])
    def test_are_renamed_archived_and_restored(self, olga: Client, content: Content, name: str) -> None:
        before = content()
        body = {"conversationId": name, "title": "Renamed"}
        assert olga.post("/api/convos/update", json=body).json()["title"] == "Renamed"
        for archived in (True, False):
            body = {"conversationId": name, "isArchived": archived}
            assert olga.post("/api/convos/update", json=body).json()["isArchived"] is archived
            listed = every_conversation(olga, isArchived=archived)
            assert name in [each["conversationId"] for each in listed]
        [changed] = difference(before, content()).pop("conversations")[2]
        assert changed <= {"title", "updatedAt", "isArchived", "archivedAt", "_meiliIndex"}

    def test_are_found(self, olga: Client) -> None:
        for term in ("old times", "WHATEVER", "noon", "when was"):
            found = every_conversation(olga, search=term)
            assert [each["conversationId"] for each in found] == ["settings"], term

    @pytest.mark.parametrize("name", ["bare", "nulls", "settings", "only a change"])
    def test_are_deleted(self, olga: Client, content: Content, name: str) -> None:
        before = content()
        assert olga.delete(f"/api/convos/{name}").status_code == 200
        found = difference(before, content())
        assert found.pop("messages", (0, 0, [])) == (0, len(MESSAGES) if name == "settings" else 0, [])
        assert found == {"conversations": (0, 1, [])}

    @pytest.mark.parametrize("name", ["bare", "nulls", "settings"])
    def test_are_continued(self, olga: Client, content: Content, name: str) -> None:
        before = content()
        posted = olga.post(f"/api/messages/{name}", json={"text": "And now?", "sender": "user"})
        assert posted.status_code == 201
        found = difference(before, content())
        assert found.pop("messages") == (1, 0, [])
        assert found == {"conversations": (0, 0, [{"messages", "updatedAt"}])}
        assert every_conversation(olga)[0]["conversationId"] == name

    def test_get_a_title(self, olga: Client) -> None:
        answer = olga.post("/api/convos/gen_title", json={"conversationId": "settings"})
        # Of the oldest question, and what has no date counts as that.
        assert answer.json()["title"] == "When was this?"


class TestMessages:
    def test_are_read_whatever_they_lack(self, olga: Client) -> None:
        read = {each["text"]: each for each in olga.get("/api/messages/settings").json()}
        assert set(read) == {
            "What is old?",
            "Whatever was.",
            "It is noon.",
            "When was this?",
            "Whose child?",
            "Nameless",
        }
        assert {text: each["sender"] for text, each in read.items()} == {
            "What is old?": "user",
            "Whatever was.": "assistant",
            "It is noon.": "assistant",
            "When was this?": "user",
            "Whose child?": "user",
            "Nameless": "assistant",
        }
        assert read["Nameless"]["messageId"] == str(MESSAGES[-1]["_id"])
        for each in read.values():
            assert olga.get(f"/api/messages/settings/{each['messageId']}").json() == each

    @pytest.mark.parametrize("size", [1, 2, 4, 50])
    def test_are_all_listed_whatever_the_pages(self, olga: Client, size: int) -> None:
        listed = [each["text"] for each in every_message(olga, pageSize=size)]
        assert len(listed) == len(set(listed)) == len(MESSAGES)
        assert listed[0] == "It is noon."
        assert set(listed[-2:]) == {"When was this?", "Whose child?"}

    @pytest.mark.parametrize(
        ("term", "text"),
        [
            ("whatever", "Whatever was."),
            ("NOON", "It is noon."),
            ("name", "Nameless"),
            ("when was", "When was this?"),
        ],
    )
    def test_are_found(self, olga: Client, term: str, text: str) -> None:
        assert [each["text"] for each in every_message(olga, search=term)] == [text]

    @pytest.mark.parametrize("stored", MESSAGES, ids=lambda each: str(each["messageId"]))
    def test_are_edited_and_keep_the_rest(self, olga: Client, content: Content, stored: Document) -> None:
        before = content()
        path = f"/api/messages/settings/{stored['messageId'] or stored['_id']}"
        edited = olga.put(path, json={"text": "Younger than before"})
        assert (edited.status_code, edited.json()["text"]) == (200, "Younger than before")
        after = content()
        found = difference(before, after)
        [changed] = found["messages"][2]
        in_parts = isinstance(stored.get("content"), list)
        assert changed == {"text", "tokenCount", "updatedAt", "_meiliIndex"} | (
            {"content"} if in_parts else set()
        )
        if stored["messageId"] == "parts":
            others = [part for part in stored["content"] if part != {"type": "text", "text": "It is noon."}]
            assert after["messages"][stored["_id"]]["content"][:-1] == others

    @pytest.mark.parametrize("stored", MESSAGES, ids=lambda each: str(each["messageId"]))
    def test_are_deleted_and_leave_their_children(
        self, olga: Client, content: Content, stored: Document
    ) -> None:
        name = stored["messageId"] or str(stored["_id"])
        children = [each["_id"] for each in MESSAGES if each.get("parentMessageId") == name]
        before = content()
        assert olga.delete(f"/api/messages/settings/{name}").status_code == 200
        assert difference(before, content())["messages"] == (0, 1, [{"parentMessageId"}] * len(children))
        for child in children:
            parent = content()["messages"][child]["parentMessageId"]
            assert parent == (stored.get("parentMessageId") or ROOT)

    @pytest.mark.parametrize("option", ["directPath", "includeBranches", "targetLevel"])
    @pytest.mark.parametrize("target", MESSAGES, ids=lambda each: str(each["messageId"]))
    def test_are_forked_with_all_that_they_have(
        self, olga: Client, content: Content, option: str, target: Document
    ) -> None:
        before = content()
        body = {
            "conversationId": "settings",
            "messageId": target["messageId"] or str(target["_id"]),
            "option": option,
            "splitAtTarget": option == "targetLevel",
        }
        answer = olga.post("/api/convos/fork", json=body)
        assert answer.status_code == 201, answer.text
        after = content()
        [made] = added(before, after, "conversations")
        assert made["jailbreakConversationId"] == "no longer known"
        for copy in added(before, after, "messages"):
            originals = [
                each
                for each in MESSAGES
                if (each.get("text"), each.get("content")) == (copy.get("text"), copy.get("content"))
            ]
            [original] = originals
            own = {
                "_id",
                "messageId",
                "conversationId",
                "parentMessageId",
                "createdAt",
                "updatedAt",
                "_meiliIndex",
            }
            assert changed_fields(original, copy) <= own
        assert difference(before, after).keys() == {"conversations", "messages"}


class TestTheRest:
    def test_presets(self, olga: Client, content: Content) -> None:
        shown = olga.get("/api/presets").json()
        assert [each["presetId"] for each in shown] == ["p-1", "p-2"]
        assert "temperature" not in shown[1]
        before = content()
        assert olga.post("/api/presets/delete", json={"presetId": "p-1"}).status_code == 201
        assert difference(before, content()) == {"presets": (0, 1, [])}

    def test_files(self, olga: Client, content: Content, librechat_dir: Path) -> None:
        shown = {each["file_id"]: each for each in olga.get("/api/files").json()}
        assert olga.get(shown["f-1"]["filepath"]).content == b"old"
        assert olga.get(shown["f-2"]["filepath"]).status_code == 404
        before = content()
        body = {"files": [{"file_id": "f-1"}, {"file_id": "f-2"}]}
        assert olga.delete("/api/files", json=body).json()["deletedCount"] == 2
        assert difference(before, content()) == {"files": (0, 2, [])}
        assert not list((librechat_dir / "uploads" / str(OWNER)).iterdir())


def test_what_is_temporary_or_has_expired_is_in_no_list(
    olga: Client, moved: Settings, content: Content
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    with MongoClient[Document](str(moved.mongo_uri)) as client:
        conversations = client.get_default_database()["conversations"]
        conversations.insert_one(conversation("temporary", isTemporary=True, updatedAt=THEN))
        # MongoDB removes it within a minute; until then it must not show.
        conversations.insert_one(conversation("expired", isTemporary=False, expiredAt=past, updatedAt=THEN))
    listed = {each["conversationId"] for each in every_conversation(olga)}
    assert listed.isdisjoint({"temporary", "expired"})
