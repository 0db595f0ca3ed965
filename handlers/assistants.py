"""Assistants: their whole life, in the database."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.paging import clamp
from handlers.schemas import assistants as schemas

Json = dict[str, Any]


def list_assistants(
    services: Services, caller: Caller, *, limit: int, order: str = "desc", after: str | None = None
) -> Json:
    """One page of the caller's assistants, by the time of their creation."""
    documents, has_more = services.library.assistants.list_page(
        caller.id, limit=clamp(limit), after=after, newest_first=order == "desc"
    )
    data = schemas.assistant.dump_all(documents)
    return {
        "object": "list",
        "data": data,
        "has_more": has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def create_assistant(services: Services, caller: Caller, *, body: Json) -> Json:
    """Keep an assistant."""
    return schemas.assistant.dump_one(
        services.library.assistants.create(caller.id, schemas.change.load(body))
    )


def get_assistant(services: Services, caller: Caller, *, id_: str) -> Json:
    """One assistant."""
    return schemas.assistant.dump_one(services.library.assistants.get(caller.id, id_))


def update_assistant(services: Services, caller: Caller, *, id_: str, body: Json) -> Json:
    """Change what the body names, and nothing else."""
    return schemas.assistant.dump_one(
        services.library.assistants.update(caller.id, id_, schemas.change.load(body))
    )


def delete_assistant(services: Services, caller: Caller, *, id_: str) -> Json:
    """Delete an assistant."""
    services.library.assistants.delete(caller.id, id_)
    return {"id": id_, "object": "assistant.deleted", "deleted": True}
