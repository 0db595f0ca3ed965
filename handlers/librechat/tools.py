"""Tools of agents: Echo runs none yet; what those of LibreChat gave is shown."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.librechat.schemas import tools as schemas

Json = dict[str, Any]


def list_tool_calls(services: Services, caller: Caller, *, conversation_id: str) -> list[Json]:
    """What code of a conversation's answers gave when LibreChat ran it."""
    found = services.conversations.tool_calls.list(caller.id, conversation_id)
    return schemas.tool_call.dump_all(found)


def get_tool_auth(services: Services, caller: Caller, *, tool_id: str) -> Json:
    """Whether a tool is set up, which none is."""
    return {"authenticated": False, "authTypes": []}
