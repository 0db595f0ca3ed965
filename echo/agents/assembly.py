"""How the parts of agents fit together; called by the composition root."""

from echo.access.service import Access
from echo.agents.service import Agents
from storage.agents.agents import AgentRepository
from storage.agents.categories import AgentCategoryRepository
from storage.core.database import Database
from storage.library.files import FileRepository


def build_agents(database: Database, access: Access) -> Agents:
    """The service behind the operations of agents; nothing is contacted."""
    return Agents(
        access, AgentRepository(database), AgentCategoryRepository(database), FileRepository(database)
    )
