"""Conversations: list, read, rename, archive, pin, fork, duplicate, delete."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.librechat.schemas import conversations as schemas
from handlers.paging import clamp

Json = dict[str, Any]


def list_conversations(
    services: Services,
    caller: Caller,
    *,
    limit: int,
    sort_by: str,
    sort_direction: str,
    cursor: str | None = None,
    is_archived: bool = False,
    pinned: bool = False,
    tags: list[str] | None = None,
    project_id: str | None = None,
    search: str | None = None,
) -> Json | Pending:
    """One page of the caller's conversations, by default those that were changed last."""
    text = (search or "").strip()
    stored = services.conversations.in_full.conversations

    def page(stop: Any = None) -> Json:
        found = stored.list_page(
            caller.id,
            limit=clamp(limit),
            cursor=cursor,
            stop=stop,
            archived=is_archived,
            pinned=pinned,
            tags=tags or (),
            project_id=project_id,
            search=text or None,
            sort_by=sort_by,
            newest_first=sort_direction == "desc",
        )
        shared = services.conversations.links.shared_among(
            caller.id, [each["conversationId"] for each in found.items]
        )
        items = [schemas.flagged(each, shared) for each in found.items]
        return {"conversations": items, "nextCursor": found.next_cursor}

    return services.conversations.searches.pending(caller.id, page) if text else page()


def get_conversation(services: Services, caller: Caller, *, conversation_id: str) -> Json:
    """One conversation with its settings."""
    found = services.conversations.in_full.conversations.get(caller.id, conversation_id)
    return _dumped(found)


def rename_conversation(services: Services, caller: Caller, *, body: Json) -> Json:
    """Give a conversation a title."""
    return _change(services, caller, body)


def archive_conversation(services: Services, caller: Caller, *, body: Json) -> Json:
    """Archive a conversation, or take it out of the archive."""
    return _change(services, caller, body)


def pin_conversation(services: Services, caller: Caller, *, body: Json) -> Json:
    """Pin a conversation above the others, or no longer."""
    return _change(services, caller, body)


def _change(services: Services, caller: Caller, body: Json) -> Json:
    change = schemas.change.load(body["arg"])
    conversation_id = change.pop("conversation_id")
    return _dumped(services.conversations.in_full.conversations.update(caller.id, conversation_id, **change))


def archive_all_conversations(services: Services, caller: Caller) -> Json:
    """Archive everything that is not archived."""
    return {"archivedCount": services.conversations.conversations.archive_all(caller.id)}


def delete_conversation(services: Services, caller: Caller, *, body: Json) -> Json:
    """Delete a conversation and its messages; what a model still says in it ends."""
    deleted = services.conversations.deletions.delete(caller.id, body["arg"]["conversationId"])
    return _end(services, caller, deleted.conversation_ids, deleted.messages)


def delete_all_conversations(services: Services, caller: Caller) -> Json:
    """Delete every conversation of the caller; what models still say in them ends."""
    deleted = services.conversations.deletions.delete_all(caller.id)
    return _end(services, caller, deleted.conversation_ids, deleted.messages)


def _end(services: Services, caller: Caller, conversation_ids: list[str], messages: int) -> Json:
    for each in set(services.chat.active(caller.id)) & set(conversation_ids):
        services.chat.abandon(caller.id, each)
    return schemas.deletion(conversation_ids, messages)


def fork_conversation(services: Services, caller: Caller, *, body: Json) -> Json | JsonItems:
    """Copy a conversation up to one of its messages into a new one."""
    target = schemas.fork.load(body)
    conversation_id, message_id = target.pop("conversation_id"), target.pop("message_id")
    return _copied(
        services, caller, services.conversations.copies.fork(caller.id, conversation_id, message_id, **target)
    )


def duplicate_conversation(services: Services, caller: Caller, *, body: Json) -> Json | JsonItems:
    """Copy a whole conversation into a new one."""
    made = services.conversations.copies.duplicate(
        caller.id, body["conversationId"], title=body.get("title") or None
    )
    return _copied(services, caller, made)


def _copied(services: Services, caller: Caller, conversation: Json) -> Json | JsonItems:
    stored = services.conversations.in_full.messages
    return schemas.copied(conversation, stored.read_conversation(caller.id, conversation["conversationId"]))


def _dumped(conversation: Json) -> Json:
    dumped: Json = schemas.conversation.dump_one(conversation)
    return dumped
