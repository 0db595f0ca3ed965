"""MongoDB's own vector search (`$vectorSearch`), where the deployment has it: Atlas, and servers with `mongot`.

https://www.mongodb.com/docs/atlas/atlas-vector-search/vector-search-stage/
"""

from collections.abc import Mapping
from typing import Any

from pymongo.errors import OperationFailure
from pymongo.operations import SearchIndexModel

from storage.core.database import Document
from storage.core.repository import Repository
from storage.core.translation import translated
from storage.library.file_chunks import SEARCH_MS, Places, vector_of, where

# Looked at for each one that is found: more are slower, and nearer to exact.
CANDIDATES = 20


class VectorSearch(Repository):
    """The nearest vectors by an index of the deployment's; it may lag behind what was written by some seconds."""

    collection_name = "echo_file_chunks"

    def is_there(self, dimensions: int) -> bool:
        """Whether vectors of so many dimensions can be searched now. Where they could be, the index is begun."""
        name = index_name(dimensions)
        with translated():
            try:
                known = list(self._collection.list_search_indexes(name))
                if not known:
                    self._collection.create_search_index(index_of(dimensions))
            except OperationFailure:
                # No such server, or no right to it.
                return False
        return any(each.get("queryable") for each in known)

    def nearest(self, places: Places, vector: bytes, model: str, most: int) -> dict[str, float]:
        """The ids of the nearest chunks of a model with the cosine of the angle to each; see `quantised`.

        Raises `Unavailable`.
        """
        with translated():
            rows = self._collection.aggregate(stages(places, vector, model, most), maxTimeMS=SEARCH_MS)
            # MongoDB has cosines from 0 to 1.
            return {row["_id"]: 2 * row["score"] - 1 for row in rows}


def index_name(dimensions: int) -> str:
    """Models have their own numbers of dimensions; an index has one."""
    return f"echo_vectors_{dimensions}"


def index_of(dimensions: int) -> SearchIndexModel:
    """The index for vectors of so many dimensions."""
    vector = {"type": "vector", "path": "vector", "numDimensions": dimensions, "similarity": "cosine"}
    filters = [{"type": "filter", "path": path} for path in ("user", "file_id", "model")]
    return SearchIndexModel({"fields": [vector, *filters]}, name=index_name(dimensions), type="vectorSearch")


def stages(places: Places, vector: bytes, model: str, most: int) -> list[Mapping[str, Any]]:
    """The question as MongoDB takes it."""
    search: Document = {
        "index": index_name(len(vector)),
        "path": "vector",
        "queryVector": vector_of(vector),
        "numCandidates": most * CANDIDATES,
        "limit": most,
        "filter": {"$and": [{"model": model}, where(places)]},
    }
    return [{"$vectorSearch": search}, {"$project": {"score": {"$meta": "vectorSearchScore"}}}]
