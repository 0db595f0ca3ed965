"""Memories: what a user wants every chat to know."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.librechat.schemas import memories as schemas
from handlers.paging import all_under

Json = dict[str, Any]


def list_memories(services: Services, caller: Caller) -> Json | JsonItems:
    """All memories of the caller, and how much of the room is used."""
    kept = services.library.memories.list(caller)
    usage = {
        "totalTokens": kept.tokens,
        "tokenLimit": kept.token_limit,
        "charLimit": kept.char_limit,
        "usagePercentage": kept.percentage,
    }
    return all_under("memories", schemas.memory, kept.memories, usage)


def create_memory(services: Services, caller: Caller, *, body: Json) -> Json:
    """Keep a memory."""
    made = services.library.memories.create(caller, **schemas.new_memory.load(body))
    return {"created": True, "memory": schemas.memory.dump_one(made)}


def update_memory(
    services: Services, caller: Caller, *, memory_key: str, body: Json, agent_id: str | None = None
) -> Json:
    """Change what is remembered, or what it is called."""
    changes = schemas.changed_memory.load(body)
    changed = services.library.memories.change(caller, memory_key, agent_id=agent_id or None, **changes)
    return {"updated": True, "memory": schemas.memory.dump_one(changed)}


def delete_memory(
    services: Services, caller: Caller, *, memory_key: str, agent_id: str | None = None
) -> Json:
    """Forget a memory."""
    services.library.memories.delete(caller, memory_key, agent_id or None)
    return {"deleted": True}


def update_memory_preferences(services: Services, caller: Caller, *, body: Json) -> Json:
    """Say whether chats may know the memories."""
    wanted = services.library.memories.prefer(caller, body["memories"])
    return {"updated": True, "preferences": {"memories": wanted}}
