"""Searches page by page against a plain reference: all ways to find what few, many or most have give the same."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations import conversation_searches, search_building, search_index, search_parts
from storage.conversations.conversations import ConversationRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.search_building import Builder
from storage.conversations.search_index import SearchIndex
from storage.conversations.search_states import MESSAGES, TITLES
from storage.core.database import Database, Document
from storage.core.folding import fold
from storage.core.repository import now
from storage.core.stop import Stop
from tests.support.chats import message_document, new_owner, put_conversation, shared_database

# Some are in nearly all messages. Of others the pieces are frequent, and they are not.
WORDS = (
    "mit",
    "itm",
    "tmi",
    "mitmi",
    "Straße",
    "e\u0301te\u0301",
    "日本語",
    "言語",
    "rare",
    "ab",
    "x",
    "Ærø",
)
WEIGHTS = (30, 20, 20, 1, 9, 9, 6, 3, 1, 30, 9, 4)
SOUGHT = (
    "mit",
    "mitmi",
    "itmi",
    "strasse",
    "été",
    "ete",
    "日本語",
    "語",
    "rare",
    "ab",
    "x",
    "aero",
    "mit mit",
    "no",
)
# Few and many messages, and how far is walked for what many have.
WAYS = ((1000, 1000, 1000), (1000, 3, 1000), (1000, 3, 5), (20, 5, 9), (6, 3, 1000), (3, 1, 5), (1, 0, 5))
COUNT = 48


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


class Chats:
    """An owner's conversations with their messages, indexed all but the last ones."""

    def __init__(self, database: Database) -> None:
        self.database, self.owner, self.dice = database, new_owner(), random.Random(3)
        self.conversations, self.messages = list[Document](), list[Document]()
        for number in range(COUNT):
            self._put(number)
        for source in (MESSAGES, TITLES):
            builder = Builder(database, source)
            while builder.build(self.owner):
                pass
        self._change()

    def _text(self) -> str:
        return " ".join(self.dice.choices(WORDS, WEIGHTS, k=self.dice.randint(1, 4)))

    def _put(self, number: int) -> None:
        dated = now() - timedelta(hours=2)
        # Several have the same date.
        moment = dated + timedelta(seconds=self.dice.randint(0, COUNT // 2))
        key = int(dated.timestamp()).to_bytes(4, "big")
        named = put_conversation(
            self.database,
            self.owner,
            _id=ObjectId(key + ObjectId().binary[4:]),
            title=self._text(),
            updatedAt=moment,
            isArchived=number % 7 == 0,
            tags=["t"] if number % 3 == 0 else [],
            chatProjectId="p" if number % 4 == 0 else None,
        )
        self.conversations += self.database.collection("conversations").find({"conversationId": named})
        for _ in range(self.dice.randint(0, 5)):
            self._say(named, moment, ObjectId(key + ObjectId().binary[4:]))

    def _say(self, named: str, moment: datetime, key: ObjectId) -> None:
        document = {
            **message_document(owner=self.owner, conversation_id=named, text=self._text()),
            "_id": key,
            "createdAt": moment,
            "updatedAt": moment,
        }
        self.database.collection("messages").insert_one(document)
        self.messages.append(document)

    def _change(self) -> None:
        """What the index does not know of: others, changed ones, and some that are there no more."""
        for _ in range(9):
            self._say(self.dice.choice(self.conversations)["conversationId"], now(), ObjectId())
        rows = self.database.collection("messages")
        for each in self.dice.sample(self.messages, 6):
            each |= {"text": self._text(), "updatedAt": now()}
            rows.replace_one({"_id": each["_id"]}, each)
        for each in self.dice.sample(self.messages, 4):
            rows.delete_one({"_id": each["_id"]})
            self.messages.remove(each)

    def holding(self, text: str) -> list[Document]:
        """The messages that hold it."""
        return [each for each in self.messages if _holds(each["text"], text)]


def _holds(whole: str, text: str) -> bool:
    # Of these words, only an accent that is sought must be there.
    accented = "e\u0301te\u0301" in whole if text == "été" else True
    return accented and fold(text) in fold(whole)


def _in_order(rows: list[Document], name: str) -> list[Any]:
    return [each["_id"] for each in sorted(rows, key=lambda row: (_at(row[name]), row["_id"]), reverse=True)]


def _at(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


@pytest.fixture(scope="module")
def chats(database: Database) -> Iterator[Chats]:
    small = (
        *((search_building, "PORTION", 8), (search_building, "FAN", 2), (search_parts, "FAN", 2)),
        *((search_parts, "PARTS", 3), (search_parts, "KEYS", 3)),
        (search_building, "SETTLED", timedelta(0)),
    )
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in small:
            patch.setattr(module, name, value)
        yield Chats(database)


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many, longest = request.param
    monkeypatch.setattr(search_index, "few_of", lambda _: few)
    monkeypatch.setattr(search_index, "many_of", lambda _: many)
    walk = {"FIRST_WALKED": 2, "FIRST_WITH_KEYS": 3, "MOST_WALKED": 5, "TRIED": 4, "LONGEST_WALK": longest}
    for name, value in walk.items():
        monkeypatch.setattr(conversation_searches, name, value)


def every(list_page: Any, owner: str, limit: int, **asked: Any) -> list[Any]:
    """The keys of all pages."""
    found, cursor = list[Any](), None
    while True:
        page = list_page(owner, limit=limit, cursor=cursor, **asked)
        assert len(page.items) == limit or page.next_cursor is None
        found += [each["_id"] for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.usefixtures("way")
class TestEveryWay:
    @pytest.mark.parametrize("limit", [3, 25])
    def test_finds_the_messages_that_hold_it_in_the_order_of_the_list(
        self, database: Database, chats: Chats, limit: int
    ) -> None:
        repository = MessageRepository(database, index=SearchIndex(database, MESSAGES))
        for text in SOUGHT:
            wanted = _in_order(chats.holding(text), "createdAt")
            assert every(repository.list_page, chats.owner, limit, search=text) == wanted, text
            wanted.reverse()
            found = every(repository.list_page, chats.owner, limit, search=text, newest_first=False)
            assert found == wanted, text

    @pytest.mark.parametrize(
        ("asked", "limit"),
        [
            *(({}, 2), ({}, 25), ({"archived": True}, 2)),
            *(({"tags": ["t"]}, 2), ({"project_id": "p"}, 3), ({"newest_first": False}, 2)),
        ],
    )
    def test_finds_the_conversations_that_hold_it_in_the_order_of_the_list(
        self, database: Database, chats: Chats, limit: int, asked: dict[str, Any]
    ) -> None:
        indexes = [SearchIndex(database, each) for each in (MESSAGES, TITLES)]
        repository = ConversationRepository(database, index=indexes[0], titles=indexes[1])
        listed = [
            each
            for each in chats.conversations
            if each["isArchived"] is asked.get("archived", False)
            and ("tags" not in asked or each["tags"])
            and ("project_id" not in asked or each["chatProjectId"])
        ]
        for text in SOUGHT:
            spoken = {each["conversationId"] for each in chats.holding(text)}
            wanted = _in_order(
                [each for each in listed if each["conversationId"] in spoken or _holds(each["title"], text)],
                "updatedAt",
            )
            wanted = wanted if asked.get("newest_first", True) else wanted[::-1]
            assert every(repository.list_page, chats.owner, limit, search=text, **asked) == wanted, text


def test_all_ways_are_taken(database: Database, chats: Chats) -> None:
    index = SearchIndex(database, MESSAGES)
    assert len(chats.messages) > 100
    held = {text: len(chats.holding(text)) for text in SOUGHT}
    assert held["no"] == 0
    assert 0 < held["rare"] < 20 < held["mit"]
    named = [index.narrowed(chats.owner, text, Stop(10)) for text in ("mitmi", "no")]
    often, never = (len(each.keys) for each in named if each is not None and each.keys is not None)
    assert often - never > held["mitmi"] + 1
