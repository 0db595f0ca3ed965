"""Tools of agents: who can use them, code that people run, and what it gave."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.services import Services
from handlers.librechat.schemas import tools as schemas

Json = dict[str, Any]


def list_tool_calls(services: Services, caller: Caller, *, conversation_id: str) -> list[Json]:
    """What code of a conversation's answers gave when people had it run."""
    found = services.conversations.tool_calls.list(caller.id, conversation_id)
    return schemas.tool_call.dump_all(found)


def get_tool_auth(services: Services, caller: Caller, *, tool: str) -> Json:
    """Whether the caller can use a tool, and whose keys it uses or needs."""
    if tool == "web_search":
        return schemas.search_auth(services.web_search.plan(caller.id))
    return schemas.auth_of(tool, runs_code=services.code.calls.is_there)


def call_tool(services: Services, caller: Caller, *, tool: str, body: Json) -> Pending:
    """Run a block of code of an answer, and keep what it gave."""
    place = services.code.calls.check(caller, tool, body)
    return Pending(lambda: services.code.calls.run(place, body))
