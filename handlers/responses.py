"""`/v1/responses`: OpenAI's Responses API."""

from typing import Any

from echo.completions.asking import all_text
from echo.conversations.message_size import check_size
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.responses.following import FROM_THE_BEGINNING
from echo.responses.items import ItemReader
from echo.services import Services
from handlers.schemas import responses as schemas


def create_response(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """A model's answer, whole or as a stream."""
    asked = schemas.asked.load(body)
    if asked.store:
        for turn in ItemReader().read(asked.items, "input"):
            check_size(all_text(turn), services.settings.max_message_bytes)
    return services.responses.create(caller, asked)


def get_response(
    services: Services, caller: Caller, *, response_id: str, stream: bool, starting_after: int | None = None
) -> dict[str, Any] | Pending:
    """A response that was kept or is being made, or the stream of what it says."""
    if not stream:
        return services.responses.get(caller.id, response_id)
    after = FROM_THE_BEGINNING if starting_after is None else starting_after
    return services.responses.follow(caller, response_id, after)


def cancel_response(services: Services, caller: Caller, *, response_id: str) -> dict[str, Any]:
    """Stop a response that is made in the background."""
    return services.responses.cancel(caller.id, response_id)


def delete_response(services: Services, caller: Caller, *, response_id: str) -> dict[str, Any]:
    """Forget a response."""
    services.responses.delete(caller.id, response_id)
    return {"id": response_id, "object": "response", "deleted": True}


def list_response_input_items(
    services: Services, caller: Caller, *, response_id: str, order: str, limit: int, after: str | None = None
) -> dict[str, Any]:
    """What a response answered."""
    items = services.responses.input_items(caller.id, response_id)
    return schemas.item_page(items, order=order, limit=limit, after=after)
