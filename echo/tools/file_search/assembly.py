"""How the parts of file search fit together; called by the composition root."""

from echo.access.service import Access
from echo.indexing.results import Index
from echo.settings import Settings
from echo.tools.file_search.rights import Rights
from echo.tools.file_search.source import FileSearch
from storage.agents.agents import AgentRepository
from storage.core.database import Database
from storage.library.files import FileRepository


def build_file_search(settings: Settings, database: Database, access: Access, index: Index) -> FileSearch:
    """The source of the tool; nothing is contacted."""
    rights = Rights(access, AgentRepository(database), FileRepository(database))
    return FileSearch(rights, index, settings.agents, settings.file_search)
