"""Imports into a real database: what is stored, and that nothing is stored twice."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echo.errors import PayloadTooLarge, Unprocessable
from echo.transfer.importer import Importer
from echo.transfer.limits import Limits, over_the_network
from storage.conversations.deletions import DeletionRepository
from storage.conversations.imports import ImportRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from tests.transfer.conftest import LIMITS, SAMPLES, Import, sample, tree

Stored = Callable[[str], list[Document]]
NAMES = [
    "chatgpt.json",
    "claude.json",
    "deepseek.json",
    "librechat.json",
    "librechat-list.json",
    "chatbotui.json",
]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_conversation(number: int, messages: int = 3) -> dict[str, Any]:
    return {
        "conversationId": f"source-{number}",
        "title": f"Number {number:04d}",
        "endpoint": "openAI",
        "messages": [
            {
                "messageId": f"{number}-{place}",
                "parentMessageId": f"{number}-{place - 1}",
                "text": f"text {place}",
            }
            for place in range(messages)
        ],
    }


class TestWhatIsStored:
    def test_chatgpt(self, load: Import, stored: Stored, ada: str) -> None:
        assert load(ada, sample("chatgpt.json")).created == 2
        untitled, tides = stored(ada)
        assert (untitled["title"], tides["title"]) == ("Imported Chat", "Tides on the moon")
        assert tree(tides["messages"]) == [
            (
                "Are there tides on the moon?",
                [
                    (
                        "```python\nprint(384_400 / 60)\n```",
                        [
                            (
                                "```\n6406.67\n```",
                                [("Yes:\n\nsolid ones.", [("[image]\n\nWhat is this?", [])])],
                            )
                        ],
                    ),
                    ("Small ones.", []),
                ],
            )
        ]
        assert tides["isArchived"] is True
        assert tides["createdAt"] == moment("2024-05-01T16:35:11.530")
        assert tides["updatedAt"] == moment("2024-05-01T16:46:40.250")

    def test_claude(self, load: Import, stored: Stored, ada: str) -> None:
        assert load(ada, sample("claude.json")).created == 2
        bread = stored(ada)[0]
        assert [each["text"][:10] for each in bread["messages"]] == ["How do I b", "Use soda.", "And with b"]
        assert bread["messages"][2]["parentMessageId"] == bread["messages"][0]["messageId"]
        assert bread["messages"][0]["createdAt"] == moment("2025-03-29T07:06:35.552")

    def test_librechat(self, load: Import, stored: Stored, ada: str) -> None:
        assert load(ada, sample("librechat.json")).created == 1
        (cat,) = stored(ada)
        assert cat["tags"] == ["cats", "names"]
        assert (cat["model"], cat["temperature"], cat["promptPrefix"]) == ("gpt-4-turbo", 0.8, "Be kind.")
        assert tree(cat["messages"]) == [("A name for a cat?", [("Tom.", []), ("", [("Thanks", [])])])]
        question, unfinished, answer, _ = cat["messages"]
        assert question["tokenCount"] == 6
        assert unfinished["unfinished"] is True
        assert unfinished["createdAt"] == question["createdAt"] + timedelta(milliseconds=1)
        assert answer["feedback"]["rating"] == "thumbsUp"
        assert "another-users-file" not in repr(cat)

    def test_nothing_of_a_file_says_whose_it_is(
        self, load: Import, stored: Stored, ada: str, bob: str
    ) -> None:
        value = sample("librechat.json")
        mine = {
            "user": bob,
            "_id": "f" * 24,
            "tenantId": "evil",
            "expiredAt": "2001-01-01",
            "isTemporary": True,
        }
        for node in (value, value["options"], value["messages"][0]):
            node |= {**mine, "role": "ADMIN", "subagentThread": True, "__v": 99, "chatProjectId": "evil"}
        load(ada, value)
        assert stored(bob) == []
        (cat,) = stored(ada)
        for document in (cat, *cat["messages"]):
            assert document["user"] == ada
            assert (document["expiredAt"], document["isTemporary"], document["__v"]) == (None, False, 0)
            assert not {"tenantId", "role", "subagentThread", "chatProjectId"} & document.keys()

    def test_ids_of_a_file_are_not_used(self, load: Import, stored: Stored, ada: str, bob: str) -> None:
        load(ada, sample("librechat.json"))
        load(bob, sample("librechat.json"))
        (first,), (second,) = stored(ada), stored(bob)
        ids = {each["conversationId"] for each in (first, second)} | {
            sample("librechat.json")["conversationId"]
        }
        assert len(ids) == 3
        assert not {each["messageId"] for each in first["messages"]} & {
            each["messageId"] for each in second["messages"]
        }

    def test_titles_are_cut(self, load: Import, stored: Stored, ada: str) -> None:
        load(ada, {**a_conversation(1), "title": "  " + "t" * 100_000})
        assert stored(ada)[0]["title"] == "t" * 1024

    def test_a_zip_of_everything(self, load: Import, stored: Stored, ada: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            for name in NAMES:
                packed.write(SAMPLES / name, f"export/{name}")
            packed.writestr("user.json", '{"id": "user-1", "email": "ada@example.com"}')
            packed.writestr("shared_conversations.json", '[{"id": "x", "title": "y"}]')
            packed.writestr("picture.png", b"\x89PNG")
        summary = load(ada, buffer.getvalue())
        assert (summary.created, summary.skipped) == (9, 0)
        assert len(stored(ada)) == 9

    def test_a_deep_tree(self, load: Import, stored: Stored, ada: str) -> None:
        content = b'{"conversationId":"deep","title":"Deep","messages":['
        content += b"".join(b'{"messageId":"m%d","text":"%d","children":[' % (n, n) for n in range(5000))
        content += b"]}" * 5000 + b"]}"
        assert load(ada, content).messages_added == 5000
        messages = stored(ada)[0]["messages"]
        assert [each["text"] for each in messages] == [str(number) for number in range(5000)]
        assert messages[-1]["parentMessageId"] == messages[-2]["messageId"]


# What a Mac puts beside each file on a disk that is not its own: AppleDouble, no JSON.
APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + b"\x00" * 40


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class TestBesideTheConversations:
    GOOD = json.dumps([a_conversation(1), a_conversation(2)]).encode()

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("._conversations.json", APPLE_DOUBLE),
            ("a.json", b""),
            ("z.json", b""),
            ("a.json", b"{"),
            ("z.json", b"not json"),
            ("a.json", b"\xff\xfe[\x00]\x00"),
            ("z.json", b"[" + b"9" * 5000 + b"]"),
        ],
        ids=lambda value: repr(value)[:16],
    )
    def test_one_that_is_none_is_named(
        self, name: str, content: bytes, load: Import, stored: Stored, ada: str
    ) -> None:
        summary = load(ada, packed({"conversations.json": self.GOOD, name: content}))
        assert (summary.created, summary.skipped) == (2, 1)
        assert summary.problems == [{"conversation": name, "reason": "it is damaged, or no JSON"}]
        assert len(stored(ada)) == 2

    def test_one_whose_bytes_are_damaged_is_named(self, load: Import, ada: str) -> None:
        content = bytearray(packed({"a.json": b"[1]" * 50, "b.json": self.GOOD}, zipfile.ZIP_STORED))
        content[60] ^= 0xFF
        summary = load(ada, bytes(content))
        assert (summary.created, summary.problems) == (
            2,
            [{"conversation": "a.json", "reason": "it is damaged"}],
        )

    def test_one_that_is_packed_oddly_is_named(self, load: Import, ada: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a.json", b"[]", zipfile.ZIP_LZMA)
            archive.writestr("b.json", self.GOOD)
        summary = load(ada, buffer.getvalue())
        assert (summary.created, [each["conversation"] for each in summary.problems]) == (2, ["a.json"])

    def test_a_part_that_breaks_off_is_named_and_what_came_before_kept(self, load: Import, ada: str) -> None:
        second = json.dumps([a_conversation(3), a_conversation(4)]).encode()[:-40]
        summary = load(ada, packed({"c-000.json": self.GOOD, "c-001.json": second}))
        assert (summary.created, [each["conversation"] for each in summary.problems]) == (3, ["c-001.json"])

    @pytest.mark.parametrize("other", [b"", b'{"id": "user-1"}'], ids=["broken", "of no conversations"])
    def test_where_no_conversations_are_whole_it_is_refused(
        self, other: bytes, load: Import, stored: Stored, ada: str
    ) -> None:
        with pytest.raises(Unprocessable) as refused:
            load(ada, packed({"conversations.json": self.GOOD[:-40], "user.json": other}))
        assert refused.value.code == "unreadable_import"
        assert "1 conversations before" in refused.value.message
        assert len(stored(ada)) == 1


class TestAgain:
    @pytest.mark.parametrize("name", NAMES)
    def test_adds_nothing(self, name: str, load: Import, stored: Stored, ada: str) -> None:
        first = load(ada, sample(name))
        before = stored(ada)
        second = load(ada, sample(name))
        assert (second.created, second.completed, second.messages_added) == (0, 0, 0)
        assert (second.unchanged, second.messages_present) == (first.created, first.messages_added)
        assert stored(ada) == before

    def test_adds_what_is_new_and_touches_nothing_else(
        self, load: Import, stored: Stored, database: Database, ada: str
    ) -> None:
        load(ada, [a_conversation(1, 2), a_conversation(2)])
        one = stored(ada)[0]
        last = one["messages"][1]
        ThreadRepository(database).edit(
            ada, one["conversationId"], last["messageId"], text="edited here", token_count=1
        )
        summary = load(ada, [a_conversation(1, 4), a_conversation(2), a_conversation(3)])
        assert (summary.created, summary.completed, summary.unchanged) == (1, 1, 1)
        assert [each["text"] for each in stored(ada)[0]["messages"]] == [
            "text 0",
            "edited here",
            "text 2",
            "text 3",
        ]

    def test_after_a_deletion_makes_it_anew(
        self, load: Import, stored: Stored, database: Database, ada: str
    ) -> None:
        load(ada, sample("librechat.json"))
        (before,) = stored(ada)
        DeletionRepository(database).delete(ada, before["conversationId"])
        assert load(ada, sample("librechat.json")).created == 1
        assert tree(stored(ada)[0]["messages"]) == tree(before["messages"])

    def test_finds_messages_whose_conversation_was_never_written(
        self, load: Import, stored: Stored, database: Database, ada: str
    ) -> None:
        """As after a crash between the two."""
        load(ada, sample("librechat.json"))
        (before,) = stored(ada)
        database.collection("conversations").delete_one({"user": ada})
        database.collection("messages").delete_one({"_id": before["messages"][0]["_id"]})
        assert load(ada, sample("librechat.json")).messages_added == 1
        assert tree(stored(ada)[0]["messages"]) == tree(before["messages"])

    def test_finds_messages_that_the_conversation_does_not_name(
        self, load: Import, stored: Stored, database: Database, ada: str
    ) -> None:
        load(ada, sample("librechat.json"))
        (before,) = stored(ada)
        database.collection("conversations").update_one({"user": ada}, {"$set": {"messages": []}})
        load(ada, sample("librechat.json"))
        assert stored(ada) == [before]

    def test_in_one_file_is_once(self, load: Import, stored: Stored, ada: str) -> None:
        summary = load(ada, [a_conversation(1, 2), a_conversation(2), a_conversation(1, 3)])
        assert (summary.created, summary.completed) == (2, 1)
        assert [len(each["messages"]) for each in stored(ada)] == [3, 3]

    def test_at_the_same_time_is_once(self, database: Database, stored: Stored, ada: str) -> None:
        """Another import stores the same conversations after this one has looked which are there."""
        content = json.dumps([a_conversation(number) for number in range(10)]).encode()

        class Overtaken(ImportRepository):
            def _drafts(self, owner: str, incoming: Any) -> Any:
                drafts = super()._drafts(owner, incoming)
                Importer(ImportRepository(database), owner, LIMITS).run(io.BytesIO(content))
                return drafts

        Importer(Overtaken(database), ada, LIMITS).run(io.BytesIO(content))
        found = stored(ada)
        assert len(found) == 10
        assert all(len(each["messages"]) == 3 for each in found)
        assert database.collection("messages").count_documents({"user": ada}) == 30


class TestOnesOwnExport:
    def test_into_the_same_account_changes_nothing(
        self, load: Import, stored: Stored, database: Database, ada: str
    ) -> None:
        threads = ThreadRepository(database)
        first = threads.post(ada, "mine", text="Hello", sender="user", token_count=1)
        threads.post(ada, "mine", text="Hello to you", sender="assistant", token_count=1)
        value = {
            "conversationId": "mine",
            "title": "Older title",
            "messages": [{"messageId": first["messageId"], "text": "older text"}],
        }
        before = stored(ada)
        assert load(ada, value).unchanged == 1
        assert stored(ada) == before

    def test_adds_what_was_deleted_since_below_what_is_there(
        self, load: Import, stored: Stored, database: Database, ada: str
    ) -> None:
        first = ThreadRepository(database).post(ada, "mine", text="Hello", sender="user", token_count=1)
        value = {
            "conversationId": "mine",
            "messages": [
                {
                    "messageId": first["messageId"],
                    "text": "Hello",
                    "children": [{"messageId": "gone", "text": "Back"}],
                }
            ],
        }
        assert load(ada, value).completed == 1
        assert load(ada, value).unchanged == 1
        assert tree(stored(ada)[0]["messages"]) == [("Hello", [("Back", [])])]

    def test_another_users_conversation_of_that_id_is_out_of_reach(
        self, load: Import, stored: Stored, database: Database, ada: str, bob: str
    ) -> None:
        ThreadRepository(database).post(bob, "bobs", text="private", sender="user", token_count=1)
        before = stored(bob)
        load(ada, {"conversationId": "bobs", "messages": [{"messageId": "m", "text": "mine"}]})
        assert stored(bob) == before
        assert stored(ada)[0]["conversationId"] != "bobs"


class TestLeftOut:
    def test_is_named_and_the_rest_is_imported(self, load: Import, stored: Stored, ada: str) -> None:
        large = a_conversation(3)
        large["messages"][0]["text"] = "x" * 3000
        empty = {**a_conversation(4), "messages": []}
        limits = Limits(text=2000, values=1000, directory=1000)
        summary = load(ada, [a_conversation(1), 5, large, empty, a_conversation(2)], limits=limits)
        assert (summary.created, summary.skipped) == (2, 3)
        assert [(each["conversation"], each["reason"][:12]) for each in summary.problems] == [
            ("number 2", "it has the f"),
            ("number 3", "it is too la"),
            ("Number 0004", "it has no me"),
        ]
        assert len(stored(ada)) == 2

    def test_a_message_larger_than_a_document_may_be(self, load: Import, stored: Stored, ada: str) -> None:
        large = a_conversation(2)
        large["messages"][1]["text"] = "x" * (17 << 20)
        limits = Limits(text=20 << 20, values=1000, directory=1000)
        summary = load(ada, [a_conversation(1), large, a_conversation(3)], limits=limits)
        assert (summary.created, summary.skipped) == (2, 1)
        assert "16 MiB" in summary.problems[0]["reason"]
        assert [each["title"] for each in stored(ada)] == ["Number 0001", "Number 0003"]

    def test_only_the_first_are_named(self, load: Import, ada: str) -> None:
        summary = load(ada, [a_conversation(1), *({"title": "t" * 500},) * 50])
        assert (summary.skipped, len(summary.problems)) == (50, 20)
        assert len(summary.problems[0]["conversation"]) <= 100


class TestRefused:
    @pytest.mark.parametrize(
        "content",
        [
            b"[]",
            b"{}",
            b"5",
            b'"text"',
            b"[1,2,3]",
            b'[{"id":1}]',
            b"[" + b"0," * 5000 + b"0]",
            b"[" + b"[]," * 9 + b"[]]",
            b'[{"id":"x","title":"t","mapping":{"a":{"parent":null,"message":{"says":"Hello"}}}}]',
        ],
        ids=lambda content: repr(content[:12]),
    )
    def test_what_has_no_conversation_in_it(self, content: bytes, load: Import, ada: str) -> None:
        with pytest.raises(Unprocessable) as refused:
            load(ada, content)
        assert refused.value.code == "unsupported_import"

    def test_what_is_broken_keeps_what_came_before(self, load: Import, stored: Stored, ada: str) -> None:
        content = json.dumps([a_conversation(1), a_conversation(2), a_conversation(3)]).encode()
        with pytest.raises(Unprocessable) as refused:
            load(ada, content[:-40])
        assert refused.value.code == "unreadable_import"
        assert "2 conversations" in refused.value.message
        assert [len(each["messages"]) for each in stored(ada)] == [3, 3]
        assert load(ada, content).created == 1

    def test_a_zip_that_unpacks_to_too_much(self, load: Import, stored: Stored, ada: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("1.json", json.dumps(a_conversation(1)))
            packed.writestr("2.json", " " * 5_000_000)
        with pytest.raises(PayloadTooLarge):
            load(ada, buffer.getvalue(), limits=over_the_network(1_000_000))
        assert len(stored(ada)) == 1

    def test_a_zip_without_json(self, load: Import, ada: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            packed.writestr("picture.png", b"\x89PNG")
        with pytest.raises(Unprocessable) as refused:
            load(ada, buffer.getvalue())
        assert refused.value.code == "unsupported_import"


def test_progress_is_told_as_it_is_made(database: Database, ada: str) -> None:
    content = json.dumps([a_conversation(number, 20) for number in range(200)]).encode()
    stream, told = io.BytesIO(content), list[int]()
    importer = Importer(ImportRepository(database), ada, LIMITS)
    importer.run(stream, lambda: told.append(stream.tell()))
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == len(content)
