"""How the parts behind files that are searched fit together; called by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from echo.credits import Credits
from echo.extraction import Extractor
from echo.files import FileStore
from echo.indexing.embedder import find_embedder
from echo.indexing.indexer import Indexer, Shelves
from echo.indexing.own import OwnIndex
from echo.indexing.rag import RagService
from echo.indexing.results import Index
from echo.indexing.texts import Texts
from echo.providers.errands import Endpoint
from echo.settings import Settings
from storage.core.database import Database
from storage.library.file_chunks import FileChunkRepository
from storage.library.file_indexes import FileIndexRepository
from storage.library.files import FileRepository
from storage.library.vector_search import VectorSearch


@dataclass(frozen=True)
class Indexing:
    """Where files are searched, what reads their texts, and what splits them; None where another service does."""

    index: Index
    texts: Texts
    indexer: Indexer | None


def build_indexing(
    settings: Settings,
    database: Database,
    store: FileStore,
    endpoints: Mapping[str, Endpoint],
    *,
    ledger: Credits,
    count_tokens: Callable[[str], int],
) -> Indexing:
    """The parts; nothing is contacted."""
    texts = Texts(store, Extractor())
    if service := _service(settings, store):
        return Indexing(service, texts, None)
    shelves = Shelves(
        FileRepository(database),
        FileChunkRepository(database),
        FileIndexRepository(database),
        VectorSearch(database),
    )
    name = settings.file_search.embeddings
    embedder = find_embedder(name, endpoints, settings.providers, ledger, count_tokens)
    indexer = Indexer(shelves, texts, embedder)
    return Indexing(OwnIndex(shelves, indexer, texts, embedder), texts, indexer)


def forgetting(settings: Settings, database: Database, store: FileStore) -> Callable[[str], None] | None:
    """Has another service forget all files of a user's; None where Echo's own database has what they say."""
    service, files = _service(settings, store), FileRepository(database)
    if service is None:
        return None

    def forget(owner: str) -> None:
        for records in files.list(owner).portions:
            service.forget(owner, [each for each in records if each.get("embedded")])

    return forget


def _service(settings: Settings, store: FileStore) -> RagService | None:
    url = settings.file_search.rag_url
    return RagService(url, str(settings.jwt_secret), store) if url else None
