"""Messages: list, search, read, post, edit, branch, delete."""

from typing import Any

from echo.conversations.message_size import check_size
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.librechat.schemas import messages as schemas
from handlers.paging import all_items, clamp

Json = dict[str, Any]
NOTHING: Json = {"messages": [], "nextCursor": None}


def list_messages(
    services: Services,
    caller: Caller,
    *,
    page_size: int,
    sort_by: str,
    sort_direction: str,
    cursor: str | None = None,
    conversation_id: str | None = None,
    message_id: str | None = None,
    search: str | None = None,
) -> Json | Pending:
    """One page of the messages of a conversation or of those that contain a text; with neither, nothing."""
    text = (search or "").strip()
    if not conversation_id and not text:
        return NOTHING
    stored = services.conversations.in_full.messages
    if conversation_id and message_id:
        return {
            **NOTHING,
            "messages": schemas.message.dump_all(stored.find(caller.id, conversation_id, message_id)),
        }

    def page(stop: Any = None) -> Json:
        found = stored.list_page(
            caller.id,
            limit=clamp(page_size),
            cursor=cursor,
            conversation_id=conversation_id or None,
            search=text or None,
            sort_by=sort_by,
            newest_first=sort_direction == "desc",
            stop=stop,
        )
        titles = services.conversations.conversations.titles(
            caller.id, {each["conversationId"] for each in found.items if each.get("conversationId")}
        )
        items = [schemas.titled(each, titles) for each in found.items]
        return {"messages": items, "nextCursor": found.next_cursor}

    return services.conversations.searches.pending(caller.id, page) if text else page()


def list_conversation_messages(
    services: Services, caller: Caller, *, conversation_id: str
) -> list[Json] | JsonItems:
    """All messages of a conversation, the oldest first."""
    return all_items(
        schemas.message, services.conversations.in_full.messages.read_conversation(caller.id, conversation_id)
    )


def create_message(services: Services, caller: Caller, *, conversation_id: str, body: Json) -> Json:
    """Store a message under the id that the client gave it; one that is there gets the text."""
    fields = schemas.new_message.load(body)
    message_id, text = fields.pop("message_id"), fields["text"]
    check_size(text, services.settings.max_message_bytes)
    message = services.conversations.in_full.threads.put(
        caller.id, conversation_id, message_id, token_count=services.count_tokens(text), **fields
    )
    return schemas.message.dump_one(message)


def get_message(services: Services, caller: Caller, *, conversation_id: str, message_id: str) -> list[Json]:
    """One message, in a list."""
    found = services.conversations.in_full.messages.get(caller.id, conversation_id, message_id)
    return [schemas.message.dump_one(found)]


def update_message(
    services: Services, caller: Caller, *, conversation_id: str, message_id: str, body: Json
) -> Json:
    """Edit a message's text, or with an index the text of one of its parts."""
    text, index = body["text"], body.get("index")
    check_size(text, services.settings.max_message_bytes)
    if index is None:
        message = services.conversations.in_full.threads.edit(
            caller.id, conversation_id, message_id, text=text, token_count=services.count_tokens(text)
        )
    else:
        message = services.conversations.revisions.edit_part(
            caller.id, conversation_id, message_id, index, text=text, count_tokens=services.count_tokens
        )
    return schemas.message.dump_one(message)


def delete_message(services: Services, caller: Caller, *, conversation_id: str, message_id: str) -> None:
    """Delete a message; its children hang on its parent from then on."""
    services.conversations.threads.delete_message(caller.id, conversation_id, message_id)


def branch_message(services: Services, caller: Caller, *, body: Json) -> Json:
    """Make what one of several agents said in an answer an answer of its own."""
    made = services.conversations.revisions.branch(caller.id, body["messageId"], body["agentId"])
    return schemas.message.dump_one(made)


def edit_artifact(services: Services, caller: Caller, *, message_id: str, body: Json) -> Json:
    """Change the content of an artifact in a message."""
    message = services.conversations.artifacts.edit(
        caller.id, message_id, body["index"], original=body["original"], updated=body["updated"]
    )
    dumped = schemas.message.dump_one(message)
    return {name: dumped[name] for name in ("conversationId", "content", "text") if name in dumped}
