"""Chunks of files: stored, found by words and by vectors, in the files of a search only."""

from dataclasses import replace

import pytest
from bson import ObjectId
from bson.binary import Binary, BinaryVectorDtype

from storage.core.database import Database
from storage.core.errors import NotFound
from storage.library import file_chunks
from storage.library.file_chunks import Chunk, FileChunkRepository, where

PLAIN = Chunk(0, 0, "one two", (1, 2))
WHOLE = Chunk(1, 8, "three", (3,), page=7, vector=bytes([1, 254, 3]), model="m")


@pytest.fixture
def chunks(database: Database) -> FileChunkRepository:
    return FileChunkRepository(database)


def numbers(database: Database, owner: str, file_id: str) -> list[int]:
    query = {"user": ObjectId(owner), "file_id": file_id}
    return sorted(each["n"] for each in database.collection("echo_file_chunks").find(query))


class TestPut:
    def test_what_is_stored(self, chunks: FileChunkRepository, database: Database, ada: str) -> None:
        chunks.put(ada, "f", iter([PLAIN, WHOLE]))
        user = ObjectId(ada)
        plain, whole = database.collection("echo_file_chunks").find().sort("n", 1)
        assert plain == {
            "_id": f"{ada}/f/0",
            "user": user,
            "file_id": "f",
            "n": 0,
            "start": 0,
            "text": "one two",
            "words": [1, 2],
        }
        assert whole == {
            "_id": f"{ada}/f/1",
            "user": user,
            "file_id": "f",
            "n": 1,
            "start": 8,
            "text": "three",
            "words": [3],
            "page": 7,
            "vector": Binary.from_vector([1, -2, 3], BinaryVectorDtype.INT8),
            "model": "m",
        }

    def test_twice_is_once(self, chunks: FileChunkRepository, database: Database, ada: str) -> None:
        chunks.put(ada, "f", [PLAIN])
        chunks.put(ada, "f", [replace(PLAIN, text="new"), WHOLE])
        chunks.put(ada, "f", [])
        assert numbers(database, ada, "f") == [0, 1]
        assert [each["text"] for each in chunks.get_all({ada: ["f"]}, [f"{ada}/f/0"])] == ["new"]

    def test_nobody_elses_of_the_same_file_id(
        self, chunks: FileChunkRepository, database: Database, ada: str, bob: str
    ) -> None:
        chunks.put(ada, "f", [PLAIN])
        chunks.put(bob, "f", [replace(PLAIN, text="his")])
        assert [each["text"] for each in chunks.get_all({ada: ["f"]}, [f"{ada}/f/0"])] == ["one two"]


class TestRemoving:
    @pytest.fixture(autouse=True)
    def stored(self, chunks: FileChunkRepository, ada: str, bob: str) -> None:
        for owner, file_id in ((ada, "f"), (ada, "g"), (ada, "h"), (bob, "f")):
            chunks.put(owner, file_id, [replace(PLAIN, n=number) for number in range(3)])

    def test_trims_what_an_earlier_text_had_more(
        self, chunks: FileChunkRepository, database: Database, ada: str, bob: str
    ) -> None:
        chunks.trim(ada, "f", 2)
        assert numbers(database, ada, "f") == [0, 1]
        assert numbers(database, ada, "g") == numbers(database, bob, "f") == [0, 1, 2]

    def test_deletes_those_of_the_owners_files(
        self, chunks: FileChunkRepository, database: Database, ada: str, bob: str
    ) -> None:
        chunks.delete(ada, [])
        chunks.delete(ada, ["f", "g", "not there"])
        left = {each: numbers(database, ada, each) for each in "fgh"}
        assert left == {"f": [], "g": [], "h": [0, 1, 2]}
        assert numbers(database, bob, "f") == [0, 1, 2]


class TestByWords:
    @pytest.fixture(autouse=True)
    def stored(self, chunks: FileChunkRepository, ada: str, bob: str) -> None:
        chunks.put(
            ada, "f", [Chunk(0, 0, "a", (1, 2), page=4), Chunk(1, 0, "b", (1,)), Chunk(2, 0, "c", (3,))]
        )
        chunks.put(ada, "g", [Chunk(0, 0, "d", (1, 2, 3))])
        chunks.put(bob, "f", [Chunk(0, 0, "his", (1, 2, 3))])

    def test_in_how_many_chunks_a_word_is(self, chunks: FileChunkRepository, ada: str, bob: str) -> None:
        assert chunks.frequencies({ada: ["f"]}, iter([1, 2, 3, 4]), 10) == {1: 2, 2: 1, 3: 1}
        assert chunks.frequencies({ada: ["f", "g"]}, [1, 3], 10) == {1: 3, 3: 2}
        assert chunks.frequencies({ada: ["f", "g"]}, [1, 3], 2) == {1: 2, 3: 2}
        assert chunks.frequencies({ada: ["g"], bob: ["f"]}, [2], 10) == {2: 2}

    def test_those_whose_words_weigh_most(self, chunks: FileChunkRepository, ada: str, bob: str) -> None:
        def best(places: dict[str, list[str]], seekable: list[int], most: int = 10) -> list[str]:
            weights = {1: 1.0, 2: 0.5, 3: 3.0}
            return [each["text"] for each in chunks.best(places, seekable, weights, most)]

        assert best({ada: ["f"]}, [1, 2, 3]) == ["c", "a", "b"]
        assert best({ada: ["f"]}, [1, 2, 3], 2) == ["c", "a"]
        # Words that are not sought weigh as well, and find nothing.
        assert best({ada: ["f", "g"]}, [2]) == ["d", "a"]
        assert best({ada: ["f"]}, [4]) == []
        assert best({ada: ["g"], bob: ["f"]}, [3]) in (["d", "his"], ["his", "d"])

    def test_what_is_given_of_each(self, chunks: FileChunkRepository, ada: str) -> None:
        given = {"_id": f"{ada}/f/0", "user": ObjectId(ada), "file_id": "f", "n": 0, "text": "a", "page": 4}
        assert chunks.best({ada: ["f"]}, [2], {2: 1.0}, 1) == [{**given, "weight": 1.0}]
        assert chunks.get_all({ada: ["f"]}, [f"{ada}/f/0"]) == [given]

    def test_by_their_ids_in_that_order_of_these_files_only(
        self, chunks: FileChunkRepository, ada: str, bob: str
    ) -> None:
        ids = [f"{ada}/f/2", f"{bob}/f/0", f"{ada}/g/0", "none", f"{ada}/f/0"]
        assert [each["text"] for each in chunks.get_all({ada: ["f"]}, ids)] == ["c", "a"]
        assert [each["text"] for each in chunks.get_all({ada: ["g"], bob: ["f"]}, ids)] == ["his", "d"]
        assert chunks.get_all({}, ids) == []


class TestVectors:
    def test_of_one_model_some_at_a_time(
        self, chunks: FileChunkRepository, ada: str, bob: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_chunks, "BATCH", 2)
        some = [replace(WHOLE, n=number, vector=bytes([number, 255])) for number in range(5)]
        chunks.put(ada, "f", [*some, replace(PLAIN, n=5), replace(WHOLE, n=6, model="other")])
        chunks.put(ada, "g", [WHOLE])
        chunks.put(bob, "f", [WHOLE])
        batches = list(chunks.vectors({ada: ["f"]}, "m"))
        assert [len(batch) for batch in batches] == [2, 2, 1]
        found = dict(each for batch in batches for each in batch)
        assert found == {f"{ada}/f/{number}": bytes([number, 255]) for number in range(5)}


class TestWhere:
    def test_each_file_with_its_owner(self) -> None:
        ada, bob = "a" * 24, "b" * 24
        hers = {"user": ObjectId(ada), "file_id": {"$in": ["f", "g"]}}
        his = {"user": ObjectId(bob), "file_id": {"$in": ["h"]}}
        assert where({ada: ["f", "g"]}) == hers
        assert where({ada: ["f", "g"], bob: ["h"]}) == {"$or": [hers, his]}
        assert where({}) == {"_id": None}
        with pytest.raises(NotFound):
            where({"nobody": ["f"]})
