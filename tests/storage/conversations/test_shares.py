"""Links: which messages and files one shows, who makes, finds, renews and deletes it."""

import itertools
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from bson import ObjectId

from storage.conversations import shares as stored_shares
from storage.conversations.shares import NothingToShare, ShareRepository, ids_of_files, owner_of
from storage.core import portions
from storage.core.database import Database, Document
from storage.core.errors import BrokenCursor, Conflict, NotFound, TookTooLong, TooMany
from storage.core.repository import now
from storage.core.stop import Stop
from tests.support.chats import (
    START,
    every_page,
    new_id,
    profiled,
    put_conversation,
    put_message,
    put_tree,
)
from tests.support.stored import messages_of

PAST, FUTURE = timedelta(seconds=-1), timedelta(days=1)


@pytest.fixture
def shares(database: Database) -> ShareRepository:
    return ShareRepository(database, most=3)


def put_link(database: Database, owner: str, conversation_id: str, **fields: Any) -> str:
    """A link as an old version of LibreChat has it; its id."""
    link = {
        "_id": ObjectId(),
        "shareId": new_id(),
        "user": owner,
        "conversationId": conversation_id,
        "createdAt": START,
        "updatedAt": START,
        **fields,
    }
    database.collection("sharedlinks").insert_one(link)
    return str(link["shareId"])


def share(shares: ShareRepository, owner: str, conversation_id: str, **asked: Any) -> Document:
    """A link that is stored."""
    link = shares.prepare(owner, conversation_id, **{"target_id": None, "with_files": False, **asked})
    shares.insert(owner, link)
    return link


def shown(shares: ShareRepository, link: Document) -> str:
    """The texts of the messages that a link shows."""
    texts = "".join(each["text"] for each in shares.read(link).documents())
    assert [each["messageId"] for each in shares.outlines(link)] == [
        each["messageId"] for each in shares.read(link).documents()
    ]
    return texts


class TestPrepare:
    def test_makes_a_link_to_all_messages(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        database.collection("conversations").update_one({}, {"$set": {"title": "T"}})
        link = shares.prepare(ada, conversation_id, target_id=None, with_files=False)
        assert database.collection("sharedlinks").count_documents({}) == 0
        assert isinstance(link.pop("_id"), ObjectId)
        assert len(share_id := link.pop("shareId")) == 21
        assert set(share_id) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        assert now() - link["createdAt"] < timedelta(minutes=5)
        assert link.pop("createdAt") == link.pop("updatedAt")
        assert link == {
            "title": "T",
            "user": ada,
            "conversationId": conversation_id,
            "messages": [each["_id"] for each in messages_of(database, ada, conversation_id)],
            "snapshotFiles": False,
            "__v": 0,
        }

    @pytest.mark.parametrize("title", [None, ""])
    def test_a_conversation_without_a_title_has_librechats(
        self, shares: ShareRepository, database: Database, ada: str, title: str | None
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        database.collection("conversations").update_one({}, {"$set": {"title": title}})
        link = shares.prepare(ada, conversation_id, target_id=None, with_files=False)
        assert link["title"] == "Untitled"

    def test_goes_when_its_conversation_goes(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        assert "expiredAt" not in shares.prepare(ada, conversation_id, target_id=None, with_files=False)
        moment = now() + FUTURE
        database.collection("conversations").update_one({}, {"$set": {"expiredAt": moment}})
        link = shares.prepare(ada, conversation_id, target_id=None, with_files=False)
        assert link["expiredAt"] == moment
        indexes = database.collection("sharedlinks").index_information()
        assert indexes["expiredAt_1"]["expireAfterSeconds"] == 0

    def test_what_is_not_there_or_anothers_is_not_found(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        for wanted in (conversation_id, new_id()):
            with pytest.raises(NotFound):
                shares.prepare(bob, wanted, target_id=None, with_files=False)

    def test_without_messages_there_is_nothing_to_share(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        empty = put_conversation(database, ada)
        put_message(database, bob, empty)
        conversation_id, _ = put_tree(database, ada)
        for wanted, target in ((empty, None), (conversation_id, new_id())):
            with pytest.raises(NothingToShare):
                shares.prepare(ada, wanted, target_id=target, with_files=False)

    def test_there_is_one_of_a_kind(self, shares: ShareRepository, database: Database, ada: str) -> None:
        conversation_id, prefix = put_tree(database, ada)
        share(shares, ada, conversation_id, target_id=prefix + "b")
        for target in (None, prefix + "b"):
            with pytest.raises(Conflict) as caught:
                shares.prepare(ada, conversation_id, target_id=target, with_files=False)
            assert caught.value.field == "conversationId"
        assert shares.prepare(ada, conversation_id, target_id=prefix + "c", with_files=False)

    def test_one_that_has_expired_or_is_anothers_is_in_nobodys_way(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        put_link(database, ada, conversation_id, expiredAt=now() + PAST)
        put_link(database, bob, conversation_id)
        assert shares.prepare(ada, conversation_id, target_id=None, with_files=False)

    def test_nobody_has_more_than_the_most(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        his, _ = put_tree(database, bob)
        for _ in range(2):
            put_link(database, ada, new_id())
        assert shares.prepare(ada, conversation_id, target_id=None, with_files=False)
        put_link(database, ada, new_id())
        with pytest.raises(TooMany) as caught:
            shares.prepare(ada, conversation_id, target_id=None, with_files=False)
        assert (caught.value.kind, caught.value.most) == ("links", 3)
        assert shares.prepare(bob, his, target_id=None, with_files=False)

    def test_a_link_names_no_more_messages_than_the_most(
        self, shares: ShareRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        monkeypatch.setattr(stored_shares, "MAX_MESSAGES", 9)
        assert len(share(shares, ada, conversation_id)["messages"]) == 9
        put_message(database, ada, conversation_id)
        shares.delete(ada, share_id_of(database))
        with pytest.raises(TooMany) as caught:
            shares.prepare(ada, conversation_id, target_id=None, with_files=False)
        assert (caught.value.kind, caught.value.most) == ("messages in a link", 9)


def share_id_of(database: Database) -> str:
    (link,) = database.collection("sharedlinks").find()
    return str(link["shareId"])


class TestInsert:
    def test_of_two_at_once_the_first_stays(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        asked = {"target_id": None, "with_files": False}
        first, second = (shares.prepare(ada, conversation_id, **asked) for _ in range(2))
        first["createdAt"] = second["createdAt"]
        other = shares.prepare(ada, conversation_id, target_id=prefix + "b", with_files=False)
        shares.insert(ada, first)
        with pytest.raises(Conflict) as caught:
            shares.insert(ada, second)
        assert caught.value.field == "conversationId"
        # A link to a part is another one, if it came first.
        other["createdAt"] = first["createdAt"] - FUTURE
        shares.insert(ada, other)
        keys = {each["_id"] for each in database.collection("sharedlinks").find()}
        assert keys == {first["_id"], other["_id"]}

    def test_the_older_one_stays_though_it_is_stored_last(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        asked = {"target_id": None, "with_files": False}
        older, newer = (shares.prepare(ada, conversation_id, **asked) for _ in range(2))
        older["createdAt"] = newer["createdAt"] - FUTURE
        shares.insert(ada, newer)
        shares.insert(ada, older)
        assert shares.find(older["shareId"]) == older

    def test_one_that_expires_in_that_moment_has_no_rivals(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        link = shares.prepare(ada, conversation_id, target_id=None, with_files=False)
        shares.insert(ada, {**link, "expiredAt": now() + PAST})
        assert share_id_of(database) == link["shareId"]

    def test_an_expired_one_and_anothers_are_no_rivals(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        put_link(database, ada, conversation_id, expiredAt=now() + PAST)
        put_link(database, bob, conversation_id)
        share(shares, ada, conversation_id)
        assert database.collection("sharedlinks").count_documents({}) == 3


class TestFinding:
    def test_whoever_has_the_id_finds_it_until_it_expires(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        kept = put_link(database, ada, "c", expiredAt=now() + FUTURE, title="T")
        gone = put_link(database, ada, "c", expiredAt=now() + PAST)
        assert shares.find(kept)["title"] == "T"
        for wanted in (gone, new_id()):
            with pytest.raises(NotFound):
                shares.find(wanted)

    def test_the_owner_gets_it_without_the_list_of_messages(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        share_id = put_link(database, ada, "c", messages=[ObjectId()])
        link = shares.get(ada, share_id)
        assert link["shareId"] == share_id
        assert "messages" not in link
        for owner, wanted in ((bob, share_id), (ada, new_id())):
            with pytest.raises(NotFound):
                shares.get(owner, wanted)

    def test_of_several_to_a_conversation_the_last_changed(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        moment = now()
        put_link(database, ada, "c")
        last = put_link(database, ada, "c", updatedAt=moment, messages=[ObjectId()])
        put_link(database, ada, "c")
        put_link(database, ada, "c", updatedAt=moment + FUTURE, expiredAt=now() + PAST)
        put_link(database, ada, "d", updatedAt=moment + FUTURE)
        put_link(database, bob, "c", updatedAt=moment + FUTURE)
        link = shares.of_conversation(ada, "c")
        assert link is not None
        assert link["shareId"] == last
        assert "messages" not in link
        assert shares.of_conversation(ada, "e") is None

    def test_which_conversations_have_one(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        put_link(database, ada, "c")
        put_link(database, ada, "d")
        put_link(database, ada, "e", expiredAt=now() + PAST)
        put_link(database, bob, "f")
        assert shares.shared(ada, ["c", "e", "f", "g"]) == {"c"}
        assert shares.shared(bob, ["c", "f"]) == {"f"}

    def test_who_owns_it(self) -> None:
        assert owner_of({"user": "ada"}) == "ada"
        for link in ({}, {"user": None}, {"user": 5}):
            with pytest.raises(NotFound):
                owner_of(link)


class TestListPage:
    def put(self, database: Database, owner: str) -> None:
        for minute, title in enumerate("bca"):
            moment = START + timedelta(minutes=minute)
            put_link(database, owner, f"of {title}", title=f"The {title}", createdAt=moment, messages=[1])

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            ({}, "acb"),
            ({"newest_first": False}, "bca"),
            ({"sort_by": "title"}, "cba"),
            ({"sort_by": "title", "newest_first": False}, "abc"),
            ({"search": "THE "}, "acb"),
            ({"search": "c"}, "c"),
            ({"search": "the beginning and more"}, ""),
        ],
    )
    def test_in_order_over_pages(
        self, shares: ShareRepository, database: Database, ada: str, order: dict[str, Any], expected: str
    ) -> None:
        self.put(database, ada)
        pages = every_page(lambda cursor: shares.list_page(ada, limit=1, cursor=cursor, **order))
        assert "".join(each["title"][-1] for each in itertools.chain(*pages)) == expected

    def test_the_owners_that_have_not_expired(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        put_link(database, ada, "c", expiredAt=now() + PAST)
        put_link(database, bob, "d")
        kept = put_link(database, ada, "e", expiredAt=now() + FUTURE, title="T", messages=[1])
        (item,) = shares.list_page(ada, limit=5).items
        del item["_id"]
        moment = START.replace(tzinfo=None)
        assert item == {"shareId": kept, "title": "T", "createdAt": moment, "conversationId": "e"}

    def test_a_cursor_belongs_to_one_list(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        self.put(database, ada)
        cursor = shares.list_page(ada, limit=1).next_cursor
        for change in ({"search": "The"}, {"sort_by": "title"}, {"newest_first": False}):
            with pytest.raises(BrokenCursor):
                shares.list_page(ada, limit=1, cursor=cursor, **change)

    def test_one_without_a_title_has_its_place(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        for title in ("b", None, "a"):
            put_link(database, ada, "c", title=title)
        pages = every_page(lambda cursor: shares.list_page(ada, limit=1, cursor=cursor, sort_by="title"))
        assert [each["title"] for each in itertools.chain(*pages)] == ["b", "a", None]

    def test_has_the_time_of_a_list_and_a_search_that_of_who_asks(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        self.put(database, ada)
        with profiled(database, "sharedlinks") as notes:
            shares.list_page(ada, limit=1)
            shares.list_page(ada, limit=1, search="the")
            shares.list_page(ada, limit=1, search="the", stop=Stop(60))
        times = [note["command"]["maxTimeMS"] for note in notes]
        assert times[0] == 10_000
        assert 0 < times[1] <= 10_000 < times[2] <= 60_000
        told = Stop(60)
        told.tell()
        with pytest.raises(TookTooLong):
            shares.list_page(ada, limit=1, search="the", stop=told)


class TestRead:
    def test_what_is_large_is_read_in_portions(
        self, shares: ShareRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        database.collection("messages").update_one({"messageId": prefix + "c"}, {"$unset": {"messageId": 1}})
        link = share(shares, ada, conversation_id)
        whole = shares.read(link)
        assert (whole.is_whole, whole.held) == (True, 1024 * 1024)
        # What is whole can be read again.
        assert len(list(whole.documents())) == len(list(whole.documents())) == 9
        for name in ("WHOLE_BYTES", "PORTION_BYTES"):
            monkeypatch.setattr(portions, name, 1000)
        database.collection("messages").update_one({"text": "a"}, {"$set": {"text": "a" * 5000}})
        parts = shares.read(link)
        assert not parts.is_whole
        assert 5000 < parts.held < 6000
        messages = list(parts.documents())
        assert [each["text"][0] for each in messages] == list("abcdefgrh")
        assert messages[2]["messageId"] == str(messages[2]["_id"])

    @pytest.mark.parametrize(
        ("target", "expected"), [(None, "abcdefgrh"), ("a", "ar"), ("b", "abcrh"), ("g", "abcdefgrh")]
    )
    def test_all_or_those_down_to_the_targets_level(
        self, shares: ShareRepository, database: Database, ada: str, target: str | None, expected: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        link = share(shares, ada, conversation_id, target_id=target and prefix + target)
        assert link.get("targetMessageId") == (target and prefix + target)
        assert shown(shares, link) == expected

    def test_as_they_are_now_and_none_that_came_later(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        link = share(shares, ada, conversation_id)
        messages = database.collection("messages")
        messages.update_one({"messageId": prefix + "a"}, {"$set": {"text": "A"}})
        messages.delete_one({"messageId": prefix + "h"})
        put_message(database, ada, conversation_id, text="new")
        assert shown(shares, link) == "Abcdefgr"

    def test_nothing_of_another_owner_or_conversation_whatever_it_names(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        other, _ = put_tree(database, ada)
        link = share(shares, ada, conversation_id)
        assert shown(shares, {**link, "user": bob}) == ""
        assert shown(shares, {**link, "conversationId": other}) == ""
        for names in (None, "none", [{"$ne": 1}], [None]):
            assert shown(shares, {**link, "messages": names}) == ""

    def test_no_more_than_the_most_whatever_it_names(
        self, shares: ShareRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        link = share(shares, ada, conversation_id)
        monkeypatch.setattr(stored_shares, "MAX_MESSAGES", 4)
        assert shown(shares, link) == "abcd"

    def test_what_librechat_keeps_for_itself_is_left_out(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, text="x", summary="s", messageId=None, tenantId="t")
        (message,) = shares.read(share(shares, ada, conversation_id)).documents()
        assert {"summary", "tenantId"}.isdisjoint(message)
        assert message["messageId"] == str(message["_id"])


class TestRenew:
    def test_shows_what_is_there_now(self, shares: ShareRepository, database: Database, ada: str) -> None:
        conversation_id, _ = put_tree(database, ada)
        link = share(shares, ada, conversation_id)
        database.collection("sharedlinks").update_one({}, {"$set": {"isPublic": True, "updatedAt": START}})
        put_message(database, ada, conversation_id, text="n", minute=60)
        renewed = shares.renew(ada, link["shareId"], target_id=None, with_files=False)
        assert "messages" not in renewed
        assert renewed["updatedAt"] > START
        stored = shares.find(link["shareId"])
        assert shown(shares, stored) == "abcdefgrhn"
        assert {"isPublic", "targetMessageId", "fileSnapshots"}.isdisjoint(stored)

    def test_follows_the_newest_answers_below_the_target_it_had(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        link = share(shares, ada, conversation_id, target_id=prefix + "b")
        put_message(database, ada, conversation_id, text="n", parent=prefix + "b", minute=60)
        renewed = shares.renew(ada, link["shareId"], target_id=None, with_files=False)
        assert renewed["targetMessageId"] not in {prefix + each for each in "abcdefgrh"}
        assert shown(shares, shares.find(link["shareId"])) == "abcdefrhn"

    def test_a_target_that_is_named_is_not_followed(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        link = share(shares, ada, conversation_id, target_id=prefix + "b")
        renewed = shares.renew(ada, link["shareId"], target_id=prefix + "a", with_files=False)
        assert renewed["targetMessageId"] == prefix + "a"
        assert shown(shares, shares.find(link["shareId"])) == "ar"

    def test_files_come_and_go_with_it(self, shares: ShareRepository, database: Database, ada: str) -> None:
        conversation_id, _ = put_tree(database, ada)
        link = share(shares, ada, conversation_id, with_files=True)
        assert link["fileSnapshots"] == []
        renewed = shares.renew(ada, link["shareId"], target_id=None, with_files=False)
        assert (renewed["snapshotFiles"], "fileSnapshots" in renewed) == (False, False)
        renewed = shares.renew(ada, link["shareId"], target_id=None, with_files=True)
        assert (renewed["snapshotFiles"], renewed["fileSnapshots"]) == (True, [])

    def test_of_another_owner_is_not_found(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        link = share(shares, ada, conversation_id)
        for owner, wanted in ((bob, link["shareId"]), (ada, new_id())):
            with pytest.raises(NotFound):
                shares.renew(owner, wanted, target_id=None, with_files=False)
        assert shares.find(link["shareId"]) == link

    def test_of_a_conversation_that_it_does_not_name_there_is_nothing(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        share_id = put_link(database, ada, "c", conversationId=None)
        with pytest.raises(NothingToShare):
            shares.renew(ada, share_id, target_id=None, with_files=False)


class TestDelete:
    def test_takes_the_owners_only(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        share_id, other = put_link(database, ada, "c"), put_link(database, ada, "d")
        shares.delete(bob, share_id)
        assert shares.find(share_id)
        shares.delete(ada, share_id)
        shares.delete(ada, share_id)
        with pytest.raises(NotFound):
            shares.find(share_id)
        assert shares.find(other)


class TestFiles:
    SENT: ClassVar[Document] = {"files": [{"file_id": "sent"}]}

    def put_file(self, database: Database, owner: str, file_id: str, **fields: Any) -> None:
        database.collection("files").insert_one({"file_id": file_id, "user": ObjectId(owner), **fields})

    def test_the_ids_of_all_that_a_message_has(self) -> None:
        message = {
            "files": [{"file_id": "sent"}, {"file_id": 5}, {}, "x"],
            "attachments": [{"file_id": "made"}],
            "content": [{"type": "steer", "files": [{"file_id": "steered"}]}, "x", {"files": "none"}],
        }
        assert list(ids_of_files(message)) == ["sent", "made", "steered"]
        assert list(ids_of_files({})) == []
        assert list(ids_of_files({"files": "x", "attachments": {"file_id": "x"}, "content": "x"})) == []

    def test_a_link_keeps_what_is_known_of_those_it_shows(
        self, shares: ShareRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, text="a", messageId="a", **self.SENT)
        put_message(database, ada, conversation_id, parent="a", minute=1, attachments=[{"file_id": "below"}])
        known = {"storageKey": "k", "filepath": "/f", "type": "t", "filename": "n", "bytes": 3, "width": 2}
        more = {"height": 1, "model": "m", "previewRevision": "r", "tenantId": "t"}
        self.put_file(database, ada, "sent", source="s3", **known, **more, text="secret", metadata={"x": 1})
        self.put_file(database, ada, "below")
        self.put_file(database, ada, "unnamed")
        link = share(shares, ada, conversation_id, target_id="a", with_files=True)
        snapshot = {"file_id": "sent", "source": "s3", **known, **more}
        assert link["fileSnapshots"] == [snapshot]
        assert shares.files_of(link) == [snapshot]

    @pytest.mark.parametrize("source", ["local", "s3", "cloudfront", "azure_blob", "firebase", None])
    def test_from_where_they_can_be_sent(
        self, shares: ShareRepository, database: Database, ada: str, bob: str, source: str | None
    ) -> None:
        conversation_id = put_conversation(database, ada)
        files = [{"file_id": each} for each in ("sent", "his", "elsewhere", "gone", "sent")]
        put_message(database, ada, conversation_id, files=files)
        self.put_file(database, ada, "sent", source=source, filename=None)
        self.put_file(database, ada, "elsewhere", source="openai")
        self.put_file(database, bob, "his", source="local")
        link = share(shares, ada, conversation_id, with_files=True)
        assert link["fileSnapshots"] == [{"file_id": "sent", "source": source or "local"}]

    def test_no_more_than_the_most(
        self, shares: ShareRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation_id = put_conversation(database, ada)
        for minute, name in enumerate("abc"):
            put_message(database, ada, conversation_id, files=[{"file_id": name}], minute=minute)
            self.put_file(database, ada, name)
        monkeypatch.setattr(stored_shares, "MAX_FILES", 2)
        link = share(shares, ada, conversation_id, with_files=True)
        assert {each["file_id"] for each in link["fileSnapshots"]} == {"a", "b"}

    def test_of_a_link_of_librechats_that_says_nothing_what_there_is(
        self, shares: ShareRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, **self.SENT)
        self.put_file(database, ada, "sent")
        link = share(shares, ada, conversation_id)
        assert shares.files_of(link) == []
        says_nothing = {name: value for name, value in link.items() if name != "snapshotFiles"}
        there = [{"file_id": "sent", "source": "local"}]
        assert shares.files_of(says_nothing) == there
        assert shares.files_of({**link, "snapshotFiles": True, "fileSnapshots": None}) == there
        assert shares.files_of({**says_nothing, "fileSnapshots": [{"file_id": "x"}, "y"]}) == [
            {"file_id": "x"}
        ]
