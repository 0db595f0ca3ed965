"""Bookmarks: list, make, change, delete, and give them to conversations."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.librechat.schemas import tags as schemas

Json = dict[str, Any]


def list_tags(services: Services, caller: Caller) -> list[Json]:
    """All bookmarks of the caller, in their order."""
    return schemas.tag.dump_all(services.conversations.tags.list(caller.id))


def create_tag(services: Services, caller: Caller, *, body: Json) -> Json:
    """Make a bookmark, and give it to a conversation; one that is there stays as it is."""
    return schemas.tag.dump_one(services.conversations.tags.create(caller.id, **schemas.new_tag.load(body)))


def update_tag(services: Services, caller: Caller, *, tag: str, body: Json) -> Json:
    """Rename, describe or move a bookmark."""
    change = schemas.change.load(body)
    return schemas.tag.dump_one(services.conversations.tags.update(caller.id, tag, **change))


def delete_tag(services: Services, caller: Caller, *, tag: str) -> Json:
    """Delete a bookmark, and take it from its conversations; what it was."""
    return schemas.tag.dump_one(services.conversations.tags.delete(caller.id, tag))


def set_conversation_tags(
    services: Services, caller: Caller, *, conversation_id: str, body: Json
) -> list[str]:
    """Give a conversation these bookmarks and no others."""
    return list(services.conversations.tags.assign(caller.id, conversation_id, body["tags"]))
