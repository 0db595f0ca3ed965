"""How the parts of `/v1/responses` fit together; called by the composition root."""

from echo.accounts.standing import Standing
from echo.chat.hub import RunHub
from echo.completions.service import CompletionService
from echo.responses.background import BackgroundResponses
from echo.responses.following import Following
from echo.responses.service import ResponseService
from echo.settings import Settings
from storage.conversations.responses import ResponseRepository
from storage.core.database import Database
from storage.runs.pieces import PieceRepository


def build_responses(
    settings: Settings, database: Database, completions: CompletionService, hub: RunHub, standing: Standing
) -> ResponseService:
    """The service behind the operations of `/v1/responses`, which answers as completions do.

    The processes that work on runs of chats are those that make responses in the background: `hub` has their names,
    and knows when this one ends.
    """
    answering, responses, pieces = (
        completions.answering,
        ResponseRepository(database),
        PieceRepository(database),
    )
    background = BackgroundResponses(
        answering, responses, pieces, hub.presence, most_open=settings.background_responses
    )
    following = Following(background, pieces, standing, answering.under_way, hub.closing)
    return ResponseService(answering, completions.keeper, responses, background, following)
