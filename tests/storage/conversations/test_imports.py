"""What imports write: with which indexes they look, and that nothing of a refused conversation is written."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from storage.conversations import imports as stored_imports
from storage.conversations.imports import ImportRepository, Incoming, IncomingMessage, Outcome
from storage.core.database import Database
from storage.core.errors import StorageError, Unavailable
from storage.core.repository import now
from tests.support.chats import (
    NO_PARENT,
    START,
    new_id,
    new_owner,
    profiled,
    put_conversation,
    put_message,
    put_tree,
    shared_database,
)
from tests.support.stored import messages_of, stored


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def imports(database: Database) -> ImportRepository:
    return ImportRepository(database)


def incoming(*texts: str, name: str | None = None) -> Incoming:
    name = name or new_id()
    moment = now()
    messages = [
        IncomingMessage((f"{name}-{place}",), None, {"text": text, "createdAt": moment, "updatedAt": moment})
        for place, text in enumerate(texts)
    ]
    return Incoming((name,), {"title": name, "createdAt": moment, "updatedAt": moment}, messages)


def counts(database: Database, owner: str) -> tuple[int, int]:
    names = ("conversations", "messages")
    first, second = (database.collection(name).count_documents({"user": owner}) for name in names)
    return first, second


def test_each_gets_its_outcome(imports: ImportRepository, database: Database) -> None:
    owner, twice = new_owner(), incoming("a", "b")
    first = imports.store(owner, [twice, incoming("\ud800"), incoming("c")])
    assert [(each.created, each.added, each.problem is None) for each in first] == [
        (True, 2, True),
        (False, 0, False),
        (True, 1, True),
    ]
    (again,) = imports.store(owner, [twice])
    assert (again.created, again.added, again.present) == (False, 0, 2)
    assert counts(database, owner) == (2, 3)


def test_nothing_of_a_refused_one_is_written(imports: ImportRepository, database: Database) -> None:
    for bad in ("\ud800", "x" * (17 << 20)):
        owner = new_owner()
        (outcome,) = imports.store(owner, [incoming("good", bad)])
        assert outcome.problem
        assert "x" * 10 not in outcome.problem
        assert counts(database, owner) == (0, 0)


def test_owners_do_not_meet(imports: ImportRepository, database: Database) -> None:
    first, second, same = new_owner(), new_owner(), incoming("a")
    assert [imports.store(owner, [same])[0].created for owner in (first, second)] == [True, True]
    assert counts(database, first) == counts(database, second) == (1, 1)


def test_it_looks_with_indexes(imports: ImportRepository, database: Database) -> None:
    owner = new_owner()
    for _ in range(20):
        put_tree(database, owner)
    for name in ("conversations", "messages"):
        with profiled(database, name) as notes:
            imports.store(owner, [incoming("a", "b")])
        for note in notes:
            assert "COLLSCAN" not in note.get("planSummary", "")
            assert note.get("docsExamined", 0) <= 2


def test_a_database_that_is_not_there_is_unavailable() -> None:
    database = Database("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50")
    with pytest.raises(Unavailable):
        ImportRepository(database).store(new_owner(), [incoming("a")])
    database.close()


def test_what_comes_after_the_owner_is_erased_is_taken_back(
    imports: ImportRepository, database: Database
) -> None:
    ada, bob = new_owner(), new_owner()
    database.collection("users").insert_one({"_id": ObjectId(ada), "email": f"{ada}@example.com"})
    for owner in (ada, bob):
        imports.store(owner, [incoming("a", "b")])
    assert not imports.is_orphaned(ada)
    assert counts(database, ada) == (1, 2)
    database.collection("users").delete_one({"_id": ObjectId(ada)})
    imports.store(ada, [incoming("c")])
    assert imports.is_orphaned(ada)
    assert counts(database, ada) == (0, 0)
    assert counts(database, bob) == (1, 2)


def said(
    name: str, parent: str | None = None, *, others: tuple[str, ...] = (), **fields: object
) -> IncomingMessage:
    more = {"text": name, "createdAt": START, "updatedAt": START, **fields}
    return IncomingMessage((*others, name), parent, more)


def test_what_is_written(imports: ImportRepository, database: Database) -> None:
    owner, name = new_owner(), new_id()
    fields = {"title": "T", "endpoint": "openAI", "createdAt": START, "updatedAt": START, "user": "mallory"}
    first, second = f"{name}-1", f"{name}-2"
    messages = [said(first), said(second, first, user="mallory", unfinished=True)]
    assert imports.store(owner, [Incoming((name,), fields, messages)]) == [Outcome(True, 2, 0)]
    one, two = messages_of(database, owner, name)
    of_all = {
        "user": owner,
        "conversationId": name,
        "endpoint": "openAI",
        "error": False,
        "isTemporary": False,
        "expiredAt": None,
        "createdAt": START,
        "updatedAt": START,
        "_meiliIndex": False,
        "__v": 0,
    }
    kept = {"messageId": first, "parentMessageId": NO_PARENT, "text": first, "unfinished": False}
    assert one == {"_id": one["_id"], **of_all, **kept}
    kept = {"messageId": second, "parentMessageId": first, "text": second, "unfinished": True}
    assert two == {"_id": two["_id"], **of_all, **kept}
    conversation = stored(database, owner, name)
    assert conversation == {
        "_id": conversation["_id"],
        **fields,
        "user": owner,
        "conversationId": name,
        "messages": [one["_id"], two["_id"]],
        "tags": [],
        "files": [],
        "isArchived": False,
        "isTemporary": False,
        "expiredAt": None,
        "_meiliIndex": False,
        "__v": 0,
    }


def test_what_is_there_gets_what_it_lacks(imports: ImportRepository, database: Database) -> None:
    owner, name, later = new_owner(), new_id(), START + timedelta(days=1)
    fields = {"title": "T", "updatedAt": START}
    imports.store(owner, [Incoming((name,), fields, [said("a")])])
    more = {"title": "other", "updatedAt": later}
    assert imports.store(owner, [Incoming((name,), more, [said("a"), said("b", "a")])]) == [
        Outcome(False, 1, 1)
    ]
    conversation = stored(database, owner, name)
    one, two = messages_of(database, owner, name)
    assert (two["text"], two["parentMessageId"]) == ("b", "a")
    assert conversation["messages"] == [one["_id"], two["_id"]]
    assert (conversation["title"], conversation["updatedAt"]) == ("T", later)
    # A date that is older changes nothing, and none is none.
    imports.store(owner, [Incoming((name,), {"updatedAt": START}, [said("a"), said("c", "a")])])
    imports.store(owner, [Incoming((name,), {}, [said("d")])])
    conversation = stored(database, owner, name)
    assert (conversation["updatedAt"], len(conversation["messages"])) == (later, 4)


def test_one_that_is_there_under_an_earlier_id_goes_on(imports: ImportRepository, database: Database) -> None:
    owner, earlier, name = new_owner(), new_id(), new_id()
    put_conversation(database, owner, conversationId=earlier, messages=[])
    put_message(database, owner, earlier, message_id="old", text="old")
    incoming_one = Incoming(
        ("unknown", earlier, name), {}, [said("new", others=("none", "old")), said("answer", "new")]
    )
    assert imports.store(owner, [incoming_one]) == [Outcome(False, 1, 1)]
    answer, old = sorted(messages_of(database, owner, earlier), key=lambda each: str(each["text"]))
    assert (old["text"], answer["parentMessageId"]) == ("old", "old")
    # Whether it names what no import made is not for an import to change.
    assert stored(database, owner, earlier)["messages"] == [answer["_id"]]
    assert messages_of(database, owner, name) == []


def test_one_that_is_not_there_gets_the_last_id(imports: ImportRepository, database: Database) -> None:
    owner, first, last = new_owner(), new_id(), new_id()
    imports.store(owner, [Incoming((first, last), {}, [said("m", others=("n",))])])
    assert [each["messageId"] for each in messages_of(database, owner, last)] == ["m"]
    assert messages_of(database, owner, first) == []


def test_messages_that_a_crash_left_are_named(imports: ImportRepository, database: Database) -> None:
    owner, name = new_owner(), new_id()
    put_message(database, owner, name, message_id="a", text="a")
    assert imports.store(owner, [Incoming((name,), {}, [said("a"), said("b")])]) == [Outcome(True, 1, 1)]
    keys = {each["_id"] for each in messages_of(database, owner, name)}
    assert set(stored(database, owner, name)["messages"]) == keys
    # Those without an id go by that of their document.
    put_message(database, owner, name, message_id="x", text="x")
    database.collection("messages").update_one(
        {"messageId": "x", "user": owner}, {"$set": {"messageId": None}}
    )
    key = next(each["_id"] for each in messages_of(database, owner, name) if each["text"] == "x")
    assert imports.store(owner, [Incoming((name,), {}, [said(str(key))])]) == [Outcome(False, 0, 1)]


def test_what_another_import_stored_meanwhile_is_named(
    imports: ImportRepository, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = new_owner(), new_id()
    whole = Incoming((name,), {}, [said("a"), said("b", "a")])
    write = ImportRepository._write_messages

    def overtaken(self: ImportRepository, documents: Sequence[RawBSONDocument]) -> bool:
        with monkeypatch.context() as undone:
            undone.setattr(ImportRepository, "_write_messages", write)
            ImportRepository(database).store(owner, [whole])
        return write(self, documents)

    monkeypatch.setattr(ImportRepository, "_write_messages", overtaken)
    imports.store(owner, [whole])
    keys = [each["_id"] for each in messages_of(database, owner, name)]
    assert len(keys) == 2
    assert stored(database, owner, name)["messages"] == keys


class _Refusing:
    """A collection that refuses the first write of many, as it does when two imports make the same."""

    def __init__(self, collection: Any, code: int) -> None:
        self._collection, self._codes = collection, [code]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    def bulk_write(self, updates: Any, *, ordered: bool) -> Any:
        assert ordered is False
        if self._codes:
            raise BulkWriteError({"writeErrors": [{"code": self._codes.pop(), "errmsg": "refused"}]})
        return self._collection.bulk_write(updates, ordered=ordered)


@pytest.mark.parametrize(("code", "is_stored"), [(11000, True), (8000, False)])
def test_a_conversation_that_another_import_makes_is_written_once_more(
    database: Database, code: int, is_stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    imports, owner, name = ImportRepository(database), new_owner(), new_id()
    refusing = _Refusing(database.collection("conversations"), code)
    monkeypatch.setattr(imports, "_conversations", refusing)
    wanted = [Incoming((name,), {"title": "T"}, [said("a")])]
    if is_stored:
        assert imports.store(owner, wanted) == [Outcome(True, 1, 0)]
        assert stored(database, owner, name)["title"] == "T"
    else:
        with pytest.raises(StorageError):
            imports.store(owner, wanted)
        assert counts(database, owner) == (0, 1)


def test_many_messages_are_written_and_named_some_at_a_time(
    imports: ImportRepository, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("WRITTEN_AT_ONCE", "ADDED_AT_ONCE"):
        monkeypatch.setattr(stored_imports, limit, 2)
    owner, name = new_owner(), new_id()
    imports.store(owner, [Incoming((name,), {}, [])])
    messages = [said(str(number)) for number in range(5)]
    assert imports.store(owner, [Incoming((name,), {}, messages)]) == [Outcome(False, 5, 0)]
    written = messages_of(database, owner, name)
    assert [each["text"] for each in written] == list("01234")
    assert stored(database, owner, name)["messages"] == [each["_id"] for each in written]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("\ud800", "it holds a value that cannot be stored"),
        ("x" * (17 << 20), "it holds a message of more than the 16 MiB that can be stored"),
    ],
    ids=["surrogate", "huge"],
)
def test_it_says_why_one_is_refused(imports: ImportRepository, bad: str, reason: str) -> None:
    assert imports.store(new_owner(), [incoming("good", bad)]) == [Outcome(False, 0, 0, reason)]
    title = Incoming((new_id(),), {"title": bad}, [])
    assert imports.store(new_owner(), [title]) == [Outcome(False, 0, 0, reason)]
