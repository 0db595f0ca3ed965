"""How the parts behind files that are searched fit together; called by the composition root."""

from dataclasses import dataclass

from echo.extraction import Extractor
from echo.files import FileStore
from echo.indexing.embedder import find_embedder
from echo.indexing.indexer import Indexer, Shelves
from echo.indexing.own import OwnIndex
from echo.indexing.rag import RagService
from echo.indexing.results import Index
from echo.indexing.texts import Texts
from echo.providers.registry import ProviderRegistry
from echo.settings import Settings
from storage.core.database import Database
from storage.library.file_chunks import FileChunkRepository
from storage.library.file_indexes import FileIndexRepository
from storage.library.files import FileRepository


@dataclass(frozen=True)
class Indexing:
    """Where files are searched, what reads their texts, and what splits them; None where another service does."""

    index: Index
    texts: Texts
    indexer: Indexer | None


def build_indexing(
    settings: Settings, database: Database, store: FileStore, endpoints: ProviderRegistry
) -> Indexing:
    """The parts; nothing is contacted."""
    texts = Texts(store, Extractor())
    rules = settings.file_search
    if rules.rag_url:
        return Indexing(RagService(rules.rag_url, str(settings.jwt_secret), store), texts, None)
    chunks, indexes = FileChunkRepository(database), FileIndexRepository(database)
    embedder = find_embedder(rules.embeddings, endpoints, settings.providers)
    indexer = Indexer(Shelves(FileRepository(database), chunks, indexes), texts, embedder)
    return Indexing(OwnIndex(chunks, indexes, indexer, texts, embedder), texts, indexer)
