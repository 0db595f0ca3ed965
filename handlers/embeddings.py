"""Texts as vectors, as programs know it from OpenAI."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.services import Services
from handlers.schemas import embeddings as schemas


def create_embeddings(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """A vector for each text."""
    return services.programs.embeddings.create(caller, schemas.asked.load(body))
