"""Messages, as programs know them from Anthropic."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.services import Services
from handlers.schemas import anthropic as schemas


def create_anthropic_message(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """A model's answer, whole or as a stream."""
    return services.programs.messages.create(caller, schemas.question.load(body))


def count_anthropic_tokens(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """How many tokens a model would read."""
    return services.programs.messages.count(caller, schemas.question.load(body))
