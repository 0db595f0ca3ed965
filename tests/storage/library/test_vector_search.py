"""MongoDB's own vector search: what it is asked, and where it is not there."""

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
