"""Exports from a real database: LibreChat's form, any depth, little memory, and back again."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from echo.transfer import export as exporting
from echo.transfer.export import Export
from echo.transfer.writing import only_bytes, written
from storage.conversations.exports import ExportRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from storage.core.repository import now
from tests.support.chats import put_conversation, put_message, put_tree
from tests.transfer.conftest import Import, account, sample, tree

Stored = Callable[[str], list[Document]]
# What an import gives anew, or what belongs to a database.
OWN = {"_id", "conversationId", "messageId", "parentMessageId", "user", "__v", "_meiliIndex", "messages"}


@pytest.fixture
def export(database: Database) -> Callable[..., bytes]:
    def run(owner: str, form: str = "json") -> bytes:
        return b"".join(only_bytes(written(Export(ExportRepository(database), owner), form)))

    return run


def contents(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in OWN}


def no_matter_whose(conversations: list[Document]) -> list[Any]:
    return [
        (contents(each), tree(each["messages"]), [contents(message) for message in each["messages"]])
        for each in conversations
    ]


class TestForm:
    def test_is_librechats(self, load: Import, export: Callable[..., bytes], ada: str) -> None:
        load(ada, sample("librechat.json"))
        (cat,) = json.loads(export(ada))
        assert list(cat) == [
            *(
                "conversationId",
                "endpoint",
                "title",
                "exportAt",
                "branches",
                "recursive",
                "options",
                "messages",
            )
        ]
        assert (cat["title"], cat["branches"], cat["recursive"]) == ("Names for a cat", True, True)
        assert cat["options"]["tags"] == ["cats", "names"]
        (question,) = cat["messages"]
        assert question["createdAt"] == "2024-05-01T16:35:11.530Z"
        assert question["parentMessageId"] == "00000000-0000-0000-0000-000000000000"
        assert [each["text"] for each in question["children"]] == ["Tom.", ""]
        assert question["children"][1]["children"][0]["text"] == "Thanks"
        assert not {"user", "_id", "__v", "_meiliIndex"} & question.keys()

    def test_of_nothing_is_an_empty_list(self, export: Callable[..., bytes], ada: str) -> None:
        assert json.loads(export(ada)) == []
        with zipfile.ZipFile(io.BytesIO(export(ada, "zip"))) as packed:
            assert packed.namelist() == []

    def test_a_zip_has_a_file_for_each(self, load: Import, export: Callable[..., bytes], ada: str) -> None:
        value = [
            {"conversationId": str(n), "title": title, "messages": [{"messageId": "m", "text": "x"}]}
            for n, title in enumerate(["../../etc/passwd", "Tides & \u6f6e", "", "same", "same"])
        ]
        load(ada, value)
        with zipfile.ZipFile(io.BytesIO(export(ada, "zip"))) as packed:
            assert packed.testzip() is None
            assert packed.namelist() == [
                "000001-etc-passwd.json",
                "000002-Tides.json",
                "000003-Imported-Chat.json",
                "000004-same.json",
                "000005-same.json",
            ]
            titles = [json.loads(packed.read(name))["title"] for name in packed.namelist()]
        assert titles == ["../../etc/passwd", "Tides & \u6f6e", "Imported Chat", "same", "same"]

    def test_has_archived_ones_and_no_hidden_ones(
        self, database: Database, export: Callable[..., bytes], ada: str, bob: str
    ) -> None:
        later = now() + timedelta(days=1)
        put_conversation(database, ada, title="plain")
        put_conversation(database, ada, title="archived", isArchived=True)
        put_conversation(database, ada, title="temporary", isTemporary=True, expiredAt=later)
        put_conversation(database, ada, title="old temporary", expiredAt=later)
        put_conversation(database, ada, title="subagent", subagentThread={"x": 1})
        put_conversation(database, bob, title="bob's")
        assert {each["title"] for each in json.loads(export(ada))} == {"plain", "archived"}

    def test_survives_what_other_programs_wrote(
        self, database: Database, export: Callable[..., bytes], ada: str
    ) -> None:
        strange = {
            "title": 5,
            "endpoint": None,
            "createdAt": "yesterday",
            "tags": [None],
            "model": float("nan"),
        }
        conversation_id = put_conversation(database, ada, **strange)
        for fields in (
            {"messageId": None, "parentMessageId": {"x": 1}, "content": b"bytes", "text": None},
            {"messageId": "", "parentMessageId": "gone", "createdAt": None},
        ):
            put_message(database, ada, conversation_id, **fields)
        (exported,) = json.loads(export(ada))
        assert len(exported["messages"]) == 2

    def test_a_deep_tree(self, load: Import, export: Callable[..., bytes], ada: str, bob: str) -> None:
        content = b"".join(b'{"messageId":"m%d","text":"%d","children":[' % (n, n) for n in range(5000))
        load(ada, b'{"conversationId":"deep","messages":[' + content + b"]}" * 5000 + b"]}")
        exported = export(ada)
        assert exported.count(b'"children":[') == 5000
        assert load(bob, exported).messages_added == 5000
        assert exported.count(b"]}") >= 5001

    @pytest.mark.parametrize(
        ("gone", "left"),
        [
            ("a", ["b", ["d", ["g"], "e"], "c", ["f"], "r", ["h"]]),
            ("b", ["a", ["d", ["g"], "e", "c", ["f"]], "r", ["h"]]),
            ("g", ["a", ["b", ["d", "e"], "c", ["f"]], "r", ["h"]]),
            ("r", ["a", ["b", ["d", ["g"], "e"], "c", ["f"]], "h"]),
            ("h", ["a", ["b", ["d", ["g"], "e"], "c", ["f"]], "r"]),
        ],
    )
    def test_a_message_that_is_deleted_meanwhile_leaves_its_children(
        self, gone: str, left: list[Any], database: Database, ada: str
    ) -> None:
        put_tree(database, ada)

        class Late(ExportRepository):
            def messages(self, owner: str, keys: Any) -> Any:
                database.collection("messages").delete_one({"user": owner, "text": gone})
                return super().messages(owner, keys)

        (exported,) = json.loads(b"".join(only_bytes(written(Export(Late(database), ada), "json"))))
        assert list(flat(exported["messages"])) == left

    def test_is_read_a_little_at_a_time(
        self, load: Import, database: Database, monkeypatch: pytest.MonkeyPatch, ada: str
    ) -> None:
        value = [
            {
                "conversationId": f"{n}",
                "messages": [{"messageId": f"{n}-{m}", "text": "x" * 1000} for m in range(30)],
            }
            for n in range(5)
        ]
        load(ada, value)
        monkeypatch.setattr(exporting, "MESSAGES_AT_ONCE", 20)
        monkeypatch.setattr(exporting, "BYTES_AT_ONCE", 15_000)
        sizes: list[int] = []

        class Counted(ExportRepository):
            def messages(self, owner: str, keys: Any) -> Any:
                sizes.append(len(keys))
                return super().messages(owner, keys)

        pieces = list(only_bytes(written(Export(Counted(database), ada), "json")))
        assert len(json.loads(b"".join(pieces))) == 5
        assert all(pieces)
        assert max(sizes) <= 15
        assert sum(sizes) == 150


class TestBackAgain:
    @pytest.mark.parametrize("name", ["chatgpt.json", "claude.json", "librechat.json", "librechat-list.json"])
    def test_into_another_account_is_the_same(
        self, name: str, load: Import, stored: Stored, export: Callable[..., bytes], database: Database
    ) -> None:
        first = account(database)
        load(first, sample(name))
        for form in ("json", "zip"):
            other = account(database)
            load(other, export(first, form))
            assert no_matter_whose(stored(other)) == no_matter_whose(stored(first))

    def test_into_the_same_account_changes_nothing(
        self, load: Import, stored: Stored, export: Callable[..., bytes], database: Database, ada: str
    ) -> None:
        load(ada, sample("claude.json"))
        ThreadRepository(database).post(ada, "own", text="Hello", sender="user", token_count=1)
        before = stored(ada)
        summary = load(ada, export(ada))
        assert (summary.created, summary.completed, summary.unchanged) == (0, 0, 3)
        assert stored(ada) == before


def flat(messages: list[Any]) -> Iterator[Any]:
    for message in messages:
        yield message["text"]
        if message["children"]:
            yield list(flat(message["children"]))


class _Interrupted(datetime):
    """A time in the middle of whose printing Ctrl-C is pressed."""

    def isoformat(self, *_: Any) -> str:
        raise KeyboardInterrupt


def test_an_interruption_is_one_wherever_it_comes() -> None:
    with pytest.raises(KeyboardInterrupt):
        exporting._json({"createdAt": _Interrupted(2024, 1, 1)})
    with pytest.raises(TypeError):
        exporting._json({1: "a key that is no text"})
