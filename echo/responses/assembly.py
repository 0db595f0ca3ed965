"""How the parts of `/v1/responses` fit together; called by the composition root."""

from echo.completions.service import CompletionService
from echo.responses.service import ResponseService
from storage.conversations.responses import ResponseRepository
from storage.core.database import Database


def build_responses(database: Database, completions: CompletionService) -> ResponseService:
    """The service behind the operations of `/v1/responses`, which answers as completions do."""
    return ResponseService(completions.answering, completions.keeper, ResponseRepository(database))
