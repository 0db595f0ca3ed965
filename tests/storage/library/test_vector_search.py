"""MongoDB's own vector search: what it is asked, and where it is not there."""

from typing import Any

import pytest
from bson import ObjectId
from bson.binary import Binary, BinaryVectorDtype

from storage.core.database import Database
from storage.library.vector_search import VectorSearch, index_of, stages

OWNER = "a" * 24


def test_is_not_there_on_a_plain_server(database: Database) -> None:
    assert VectorSearch(database).is_there(3) is False


def test_the_index_is_for_vectors_of_one_length_and_for_files() -> None:
    assert index_of(3).document == {
        "name": "echo_vectors_3",
        "type": "vectorSearch",
        "definition": {
            "fields": [
                {"type": "vector", "path": "vector", "numDimensions": 3, "similarity": "cosine"},
                {"type": "filter", "path": "user"},
                {"type": "filter", "path": "file_id"},
                {"type": "filter", "path": "model"},
            ]
        },
    }


def test_asks_in_these_files_only() -> None:
    vector = Binary.from_vector([1, -2, 3], BinaryVectorDtype.INT8)
    assert stages({OWNER: ["f", "g"]}, bytes([1, 254, 3]), "openAI/m", 5) == [
        {
            "$vectorSearch": {
                "index": "echo_vectors_3",
                "path": "vector",
                "queryVector": vector,
                "numCandidates": 100,
                "limit": 5,
                "filter": {
                    "$and": [{"model": "openAI/m"}, {"user": ObjectId(OWNER), "file_id": {"$in": ["f", "g"]}}]
                },
            }
        },
        {"$project": {"score": {"$meta": "vectorSearchScore"}}},
    ]


class _Answering:
    """A collection of a server that can do so: what it is asked, and what it says."""

    def __init__(self, *indexes: dict[str, Any]) -> None:
        self.indexes, self.asked = list(indexes), list[Any]()

    def list_search_indexes(self, name: str) -> list[dict[str, Any]]:
        self.asked.append(name)
        return self.indexes

    def create_search_index(self, model: Any) -> None:
        self.asked.append(model.document["name"])

    def aggregate(self, stages: list[Any], **options: Any) -> list[dict[str, Any]]:
        self.asked.append((stages, options))
        return [{"_id": "a", "score": 1.0}, {"_id": "b", "score": 0.25}]


def answering(database: Database, collection: _Answering, monkeypatch: pytest.MonkeyPatch) -> VectorSearch:
    search = VectorSearch(database)
    monkeypatch.setattr(search, "_collection", collection)
    return search


@pytest.mark.parametrize(
    ("indexes", "there", "asked"),
    [
        ([], False, ["echo_vectors_3", "echo_vectors_3"]),
        ([{"queryable": False}], False, ["echo_vectors_3"]),
        ([{}], False, ["echo_vectors_3"]),
        ([{"queryable": True}], True, ["echo_vectors_3"]),
    ],
)
def test_an_index_that_is_not_there_is_begun(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    indexes: list[dict[str, Any]],
    there: bool,
    asked: list[str],
) -> None:
    collection = _Answering(*indexes)
    assert answering(database, collection, monkeypatch).is_there(3) is there
    assert collection.asked == asked


def test_the_nearest_come_with_the_cosine_of_their_angle(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = _Answering()
    search = answering(database, collection, monkeypatch)
    assert search.nearest({OWNER: ["f"]}, b"\1\2\3", "m", 5) == {"a": 1.0, "b": -0.5}
    assert collection.asked == [(stages({OWNER: ["f"]}, b"\1\2\3", "m", 5), {"maxTimeMS": 5000})]
