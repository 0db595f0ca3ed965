"""Searches with an index find what searches without one find, whatever happened to the messages since."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from bson import ObjectId
from pymongo import monitoring

from storage.conversations import search_building, search_index, search_parts
from storage.conversations.conversations import ConversationRepository
from storage.conversations.deletions import DeletionRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.narrowing import Candidates
from storage.conversations.search_building import Builder
from storage.conversations.search_index import SearchIndex
from storage.conversations.search_states import MESSAGES, TITLES, SearchStateRepository, Source
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.repository import now
from storage.core.stop import Stop
from tests.support.chats import message_document, profiled, put_conversation
from tests.support.commands import CommandNotes, watched_by
from tests.support.database import PreparedDatabase

WORDS = (
    *("Straße", "strasse", "Ærø", "aero", "café", "CAFE", "ёлка", "елка", "日本語", "言語", "한글"),
    *(
        "e\u0301te",
        "x-ray",
        "naïve",
        "ﬁn",
        "ΑΣΟΣ",
        "ασος",
        "ไทย",
        "हिन्दी",
        "עברית",
        "عربي",
        "が",
        "か\u3099",
        "🙂🙂",
    ),
)
SOUGHT = (
    *WORDS,
    "a",
    "語",
    "st",
    "fe",
    "ra",
    "글",
    "é",
    "rø",
    "not there",
    "café CAFE",
    "ไ",
    "\u03c3",
    "🙂",
    "न्द",
)
LETTERS = "aeßÆøé\u0301\u3099かがㄱ한글語 -'\u2019ﬁİ\u0131Σς\u03c3🙂\u200d\nѐё"


class Indexed:
    """An owner's messages and titles with their indexes, and the same without."""

    def __init__(self, database: Database, owner: str) -> None:
        self.database, self.owner = database, owner
        self.messages, self.titles = (SearchIndex(database, each) for each in (MESSAGES, TITLES))
        self.states = SearchStateRepository(database)

    def build(self, source: Source = MESSAGES, *, most: int = 100) -> int:
        """Make the index; in how many steps."""
        builder = Builder(self.database, source)
        return next(step for step in range(most) if not builder.build(self.owner))

    def found(self, text: str, *, indexed: bool = True) -> tuple[list[ObjectId], list[str]]:
        """What messages and conversations are found, over pages of fifteen."""
        messages = MessageRepository(self.database, index=self.messages if indexed else None)
        conversations = ConversationRepository(
            self.database,
            index=self.messages if indexed else None,
            titles=self.titles if indexed else None,
        )
        return (
            self._all(messages.list_page, text, "_id"),
            self._all(conversations.list_page, text, "conversationId"),
        )

    def _all(
        self, list_page: Callable[..., search_index.Any], text: str, name: str
    ) -> list[search_index.Any]:
        found, cursor = [], None
        while True:
            page = list_page(self.owner, limit=15, search=text, cursor=cursor)
            found += [each[name] for each in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    def check(self, *texts: str) -> None:
        """Both find the same."""
        for text in texts or SOUGHT:
            assert self.found(text) == self.found(text, indexed=False), text

    def narrowed(self, text: str) -> set[ObjectId] | None:
        """What the index of messages says."""
        candidates = self.messages.narrowed(self.owner, text, Stop(10))
        return set(candidates.keys) if candidates and candidates.keys is not None else None


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of eight, two of which are joined, and the youngest of which may be one."""
    monkeypatch.setattr(search_parts, "PARTS", 3)
    monkeypatch.setattr(search_parts, "FAN", 2)
    monkeypatch.setattr(search_parts, "KEYS", 3)
    monkeypatch.setattr(search_building, "FAN", 2)
    monkeypatch.setattr(search_building, "PORTION", 8)
    monkeypatch.setattr(search_building, "SETTLED", timedelta(0))
    monkeypatch.setattr(search_index, "WORTHWHILE", 15)


@pytest.fixture
def hers(database: Database, small: None, ada: str) -> Indexed:
    return Indexed(database, ada)


def put_messages(database: Database, owner: str, texts: list[str], title: str = "T") -> str:
    """A conversation with these messages, which came an hour ago."""
    moment = now() - timedelta(hours=1)
    dated = int(moment.timestamp()).to_bytes(4, "big")
    conversation_id = put_conversation(
        database, owner, _id=ObjectId(dated + ObjectId().binary[4:]), title=title, isArchived=False,
        updatedAt=moment,
    )  # fmt: skip
    database.collection("messages").insert_many(
        {
            **message_document(owner=owner, conversation_id=conversation_id),
            "_id": ObjectId(dated + ObjectId().binary[4:]),
            "text": text,
            "createdAt": moment,
            "updatedAt": moment,
        }
        for text in texts
    )
    return conversation_id


def keys(database: Database, owner: str) -> list[ObjectId]:
    return [each["_id"] for each in database.collection("messages").find({"user": owner}).sort("_id", 1)]


def test_both_find_the_same_whatever_was_written_changed_or_deleted(
    database: Database, hers: Indexed, bob: str
) -> None:
    dice = random.Random(7)
    texts = [" ".join(dice.choices(WORDS, k=3)) for _ in range(44)]
    places = [
        put_messages(database, hers.owner, texts[each : each + 2], texts[each]) for each in range(0, 44, 2)
    ]
    first, second = places[:2]
    put_messages(database, bob, texts, "Ærø")
    # Five portions, and three times two are one.
    assert hers.build() == 5 + 3
    assert hers.build(TITLES) == 2 + 1
    hers.check()
    messages = database.collection("messages")
    some = keys(database, hers.owner)
    messages.update_one({"_id": some[4]}, {"$set": {"text": "Changed: 言語", "updatedAt": now()}})
    part = [{"type": "text", "text": {"value": "ÆRØ"}}, {"type": "think", "think": "ёлка"}]
    messages.update_one({"_id": some[5]}, {"$set": {"text": "", "content": part, "updatedAt": now()}})
    messages.delete_one({"_id": some[6]})
    ConversationRepository(database).update(hers.owner, places[3], title="한글")
    # What LibreChat imports is older than its key.
    old = message_document(owner=hers.owner, conversation_id=second, text="imported café")
    messages.insert_one({**old, "_id": ObjectId()})
    ThreadRepository(database).post(hers.owner, second, text="new 日本語", sender="user", token_count=1)
    hers.check()
    put_messages(database, hers.owner, texts[:8], "café")
    hers.build()
    hers.build(TITLES)
    DeletionRepository(database).delete(hers.owner, first)
    hers.check(*SOUGHT[::2])
    his = Indexed(database, bob)
    his.check("日本語")


@pytest.mark.parametrize("seed", range(2))
def test_both_find_the_same_in_texts_of_any_letters(database: Database, hers: Indexed, seed: int) -> None:
    dice = random.Random(seed)

    def text(most: int) -> str:
        return "".join(dice.choices(LETTERS, k=dice.randint(1, most)))

    texts = [text(12) for _ in range(32)]
    for each in range(0, 32, 4):
        put_messages(database, hers.owner, texts[each : each + 4], text(8))
    hers.build()
    hers.build(TITLES)
    hers.check(*{found for _ in range(40) if (found := text(3)).strip()})


def test_what_many_messages_have_is_found_conversation_after_conversation(
    database: Database, hers: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in range(40):
        put_messages(
            database, hers.owner, ["the same"] * (1 + each % 2), "common" if each % 3 else "the same"
        )
    hers.build()
    monkeypatch.setattr(search_index, "few_of", lambda _: 20)
    assert hers.messages.narrowed(hers.owner, "same", Stop(10)) == Candidates(None, 2)
    assert hers.narrowed("other") == set(keys(database, hers.owner)[56:])
    hers.check("same", "the same", "common", "other")


class _Noting(CommandNotes):
    """Notes the commands that read."""

    def __init__(self) -> None:
        self.reads: list[Mapping[str, search_index.Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in ("find", "getMore"):
            self.reads.append(event.command)


def test_all_that_it_reads_can_be_ended_together(
    prepared_database: PreparedDatabase, database: Database, hers: Indexed
) -> None:
    put_messages(database, hers.owner, ["one"] * 120)
    Builder(database, MESSAGES).build(hers.owner)
    noting = _Noting()
    with watched_by(noting, prepared_database) as watched:
        found = SearchIndex(watched, MESSAGES).narrowed(hers.owner, "one", Stop(60))
    assert found is not None
    # The state, what came since and what was changed, lists, and keys; each in one answer.
    assert [read["find"] for read in noting.reads] == [
        *("echo_search", "messages", "messages", "echo_search_parts", "echo_search_parts")
    ]
    assert len({read["lsid"]["id"] for read in noting.reads}) == 1


def test_of_messages_few_are_read(database: Database, hers: Indexed) -> None:
    for each in range(10):
        put_messages(database, hers.owner, ["other"] * 4 + (["needle"] if each in (3, 7) else []))
    put_messages(database, hers.owner, ["other"] * 6)
    assert hers.build() > 0
    assert hers.narrowed("needle") is not None
    with profiled(database, "messages") as notes:
        assert len(hers.found("needle")[1]) == 2
    assert max(note["docsExamined"] for note in notes) <= 2


def test_of_titles_few_are_read(database: Database, hers: Indexed) -> None:
    for each in range(40):
        put_messages(database, hers.owner, ["text"], "rare title" if each in (20, 21) else "other")
    hers.build()
    hers.build(TITLES)
    with profiled(database, "conversations") as notes:
        assert len(hers.found("rare title")[1]) == 2
    assert max(note["docsExamined"] for note in notes) <= 2


def test_it_is_asked_for_by_whoever_has_many_messages_and_searches(database: Database, hers: Indexed) -> None:
    asked: list[str] = []
    hers.messages.wanted = asked.append
    put_messages(database, hers.owner, ["one"] * 15)
    assert hers.narrowed("one") is None
    assert asked == []
    put_messages(database, hers.owner, ["two"] * 4)
    assert hers.narrowed("one") is None
    assert asked == [hers.owner]
    hers.build()
    # Those in the index that have it, and those that are in none.
    assert hers.narrowed("one") == set(keys(database, hers.owner)) - {keys(database, hers.owner)[15]}
    assert asked == [hers.owner]


@pytest.mark.parametrize(("text", "count"), [("p", None), ("本", 8), ("'", None), ("plain", 8), ("nl", 0)])
def test_a_letter_alone_needs_no_index_unless_it_is_a_syllable(
    database: Database, hers: Indexed, text: str, count: int | None
) -> None:
    put_messages(database, hers.owner, ["日本", "plain"] * 8)
    hers.build()
    found = hers.narrowed(text)
    assert (None if found is None else len(found)) == count


def test_messages_of_too_many_pieces_are_always_read(
    database: Database, hers: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_building, "MOST_PIECES", 10)
    put_messages(database, hers.owner, ["short"] * 7 + ["a long one that says more"] + ["short"] * 8)
    hers.build()
    assert hers.narrowed("zzz") == {keys(database, hers.owner)[7]}
    hers.check("long", "short")


def test_of_too_many_such_messages_there_is_no_index(
    database: Database, hers: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_building, "MOST_PIECES", 10)
    monkeypatch.setattr(search_building, "MOST_LARGE", 9)
    put_messages(database, hers.owner, ["a long one that says more"] * 32)
    assert hers.build() == 1
    assert hers.build() == 0
    asked: list[str] = []
    hers.messages.wanted = asked.append
    with profiled(database, "messages") as notes:
        assert hers.narrowed("long") is None
    # Nothing is read for it, and nobody is asked to make it.
    assert (notes, asked) == ([], [])
    assert database.collection("echo_search_parts").count_documents({}) == 0


def test_after_too_many_changes_it_is_made_anew(
    database: Database, hers: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_messages(database, hers.owner, ["old"] * 16)
    hers.build()
    monkeypatch.setattr(search_building, "MOST_CHANGED", 3)
    moment = now()
    database.collection("messages").update_many({}, {"$set": {"text": "new", "updatedAt": moment}})
    put_messages(database, hers.owner, ["new"] * 8)
    # One step finds them, three are portions, one joins two.
    assert hers.build() == 5
    hers.check("old", "new")


def test_what_was_deleted_goes_and_what_was_missed_is_found(database: Database, hers: Indexed) -> None:
    gone = put_messages(database, hers.owner, ["secret of hers"] * 4)
    put_messages(database, hers.owner, ["plain"] * 14)
    hers.build()
    before = stored(database)
    DeletionRepository(database).delete(hers.owner, gone)
    # Such a date only a backup that is put in place has.
    messages = database.collection("messages")
    missed = {
        **(messages.find_one({}) or {}),
        "_id": ObjectId(b"\1" * 12),
        "messageId": "m",
        "text": "missed",
    }
    messages.insert_one(missed)
    assert hers.narrowed("missed") == set(keys(database, hers.owner)[-2:])
    # Not at once: more may follow.
    assert hers.states.stale() == []
    database.collection("echo_search").update_many({}, {"$set": {"swept": now() - timedelta(hours=2)}})
    assert hers.states.stale() == [(hers.owner, "messages")]
    assert hers.build() == 1
    assert hers.states.stale() == []
    assert stored(database) < before
    assert (
        hers.narrowed("secret")
        == hers.narrowed("missed")
        == {missed["_id"], *keys(database, hers.owner)[-2:]}
    )
    hers.check("secret", "missed", "plain")


def stored(database: Database) -> int:
    return sum(len(each["data"]) for each in database.collection("echo_search_parts").find())


def test_of_two_that_build_at_once_one_is_stored(
    database: Database, hers: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_messages(database, hers.owner, ["one"] * 40)
    add = search_parts.SearchPartRepository.add
    join = search_parts.SearchPartRepository.join

    def slowly(make: Callable[..., search_parts.Portion]) -> Callable[..., search_parts.Portion]:
        def made(*arguments: object) -> search_parts.Portion:
            portion = make(*arguments)
            with monkeypatch.context() as other:
                other.setattr(search_parts.SearchPartRepository, "add", add)
                other.setattr(search_parts.SearchPartRepository, "join", join)
                Builder(database, MESSAGES).build(hers.owner)
            return portion

        return made

    monkeypatch.setattr(search_parts.SearchPartRepository, "add", slowly(add))
    monkeypatch.setattr(search_parts.SearchPartRepository, "join", slowly(join))
    # Whose portion is not stored leaves the rest to the other.
    assert [hers.build() for _ in range(5)] == [0] * 5
    monkeypatch.setattr(search_parts.SearchPartRepository, "add", add)
    monkeypatch.setattr(search_parts.SearchPartRepository, "join", join)
    hers.build()
    state = hers.states.get(hers.owner, MESSAGES)
    assert state is not None
    assert [each.count for each in state.portions] == [32, 8]
    names = {each["_id"].split(".")[0] for each in database.collection("echo_search_parts").find()}
    assert names == {each.name for each in state.portions}
    assert hers.narrowed("one") == set(keys(database, hers.owner))


def test_what_is_lost_of_it_is_made_anew(database: Database, hers: Indexed) -> None:
    put_messages(database, hers.owner, ["one"] * 24)
    hers.build()
    database.collection("echo_search_parts").delete_many({})
    assert hers.narrowed("one") is None
    assert hers.states.get(hers.owner, MESSAGES) is None
    hers.build()
    assert hers.narrowed("one") == set(keys(database, hers.owner))


def test_work_that_ends_in_the_middle_leaves_nothing(database: Database, hers: Indexed) -> None:
    put_messages(database, hers.owner, ["one"] * 16)
    quiet, ending = Builder(database, MESSAGES), Builder(database, MESSAGES, rest=lambda: 1 / 0)
    assert quiet.build(hers.owner)
    assert quiet.build(hers.owner)
    before = stored(database)
    with pytest.raises(ZeroDivisionError):
        ending.build(hers.owner)
    assert stored(database) == before
    assert hers.narrowed("one") == set(keys(database, hers.owner))


def test_without_its_indexes_all_are_read(database: Database, hers: Indexed) -> None:
    put_messages(database, hers.owner, ["one"] * 16)
    hers.build()
    database.collection("messages").drop_index("user_1__id_1")
    assert hers.narrowed("one") is None
    assert len(hers.found("one")[0]) == 16


def test_it_goes_with_all_conversations_of_its_owner(database: Database, hers: Indexed, bob: str) -> None:
    for owner in (hers.owner, bob):
        put_messages(database, owner, ["one"] * 16)
        Indexed(database, owner).build()
    DeletionRepository(database).delete_all(hers.owner)
    for name in ("echo_search", "echo_search_parts"):
        left = database.collection(name)
        assert left.distinct("user") == [bob]
        assert left.find_one({"user": bob})["expiresAt"] <= now() + timedelta(days=7)  # type: ignore[index]


def test_another_owners_pieces_are_not_looked_at(database: Database, hers: Indexed, bob: str) -> None:
    put_messages(database, hers.owner, ["secret"] * 16)
    hers.build()
    put_messages(database, bob, ["other"] * 16)
    his = Indexed(database, bob)
    his.build()
    states = database.collection("echo_search")
    portions = (states.find_one({"user": hers.owner}) or {})["portions"]
    states.update_one({"user": bob}, {"$set": {"portions": portions}})
    assert his.narrowed("secret") is None
    assert his.found("secret") == ([], [])


def test_nothing_is_left_of_an_owner_who_was_erased_meanwhile(
    database: Database, hers: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_messages(database, hers.owner, ["one"] * 16)
    store = SearchStateRepository.store

    def erased(*arguments: search_index.Any) -> bool:
        database.collection("messages").delete_many({"user": hers.owner})
        return store(*arguments)

    monkeypatch.setattr(SearchStateRepository, "store", erased)
    assert hers.build() == 0
    for name in ("echo_search", "echo_search_parts"):
        assert database.collection(name).count_documents({}) == 0
