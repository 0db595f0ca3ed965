"""`/v1`: models and chat completions, as programs know them from OpenAI."""

from typing import Any

from echo.http.pending import Pending
from echo.services import Caller, Services
from handlers.schemas import completions as schemas


def list_v1_models(services: Services, caller: Caller) -> Pending:
    """The models that the caller reaches, as `endpoint/model`."""
    return services.completions.models(caller.id)


def create_chat_completion(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """A model's answer, whole or as a stream."""
    return services.completions.create(caller, schemas.question.load(body))
