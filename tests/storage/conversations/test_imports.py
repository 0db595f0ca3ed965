"""What imports write: with which indexes they look, and that nothing of a refused conversation is written."""

from collections.abc import Iterator

import pytest
from bson import ObjectId

from storage.conversations.imports import ImportRepository, Incoming, IncomingMessage
from storage.core.database import Database
from storage.core.errors import Unavailable
from storage.core.repository import now
from tests.support.chats import new_id, new_owner, profiled, put_tree, shared_database


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
