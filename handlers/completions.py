"""`/v1`: models and chat completions, as programs know them from OpenAI."""

from typing import Any

from echo.completions.asking import all_text
from echo.conversations.message_size import check_size
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.services import Services
from handlers.schemas import completions as schemas


def list_v1_models(services: Services, caller: Caller) -> Pending:
    """The models that the caller reaches, as `endpoint/model`."""
    return services.completions.models(caller)


def get_v1_model(services: Services, caller: Caller, *, model: str) -> Pending:
    """One model, whether it chats or not."""
    return services.programs.model(caller, model)


def create_chat_completion(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """A model's answer, whole or as a stream."""
    question = schemas.question.load(body)
    if question.store:
        for turn in question.turns:
            check_size(all_text(turn), services.settings.max_message_bytes)
    return services.completions.create(caller, question)
