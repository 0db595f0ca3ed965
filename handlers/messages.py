"""Messages: list, search, read, post, edit, delete."""

from typing import Any

from echo.conversations.message_size import check_size
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.paging import all_items, clamp, page_body
from handlers.schemas import messages as schemas

Json = dict[str, Any]


def list_messages(
    services: Services,
    caller: Caller,
    *,
    page_size: int,
    cursor: str | None = None,
    conversation_id: str | None = None,
    search: str | None = None,
) -> Json | Pending:
    """One page of the caller's messages, the newest first."""

    def page(stop: Any = None) -> Json:
        found = services.conversations.messages.list_page(
            caller.id,
            limit=clamp(page_size),
            cursor=cursor,
            conversation_id=conversation_id,
            search=search,
            stop=stop,
        )
        return page_body("messages", schemas.message, found)

    return services.conversations.searches.pending(caller.id, page) if search else page()


def list_conversation_messages(
    services: Services, caller: Caller, *, conversation_id: str
) -> list[Json] | JsonItems:
    """All messages of a conversation, the oldest first."""
    return all_items(
        schemas.message, services.conversations.messages.read_conversation(caller.id, conversation_id)
    )


def create_message(services: Services, caller: Caller, *, conversation_id: str, body: Json) -> Json:
    """Post a message; a conversation that is not there yet begins with it."""
    fields = schemas.new_message.load(body)
    check_size(fields["text"], services.settings.max_message_bytes)
    message = services.conversations.threads.post(
        caller.id, conversation_id, token_count=services.count_tokens(fields["text"]), **fields
    )
    return schemas.message.dump_one(message)


def get_message(services: Services, caller: Caller, *, conversation_id: str, message_id: str) -> Json:
    """One message."""
    return schemas.message.dump_one(
        services.conversations.messages.get(caller.id, conversation_id, message_id)
    )


def update_message(
    services: Services, caller: Caller, *, conversation_id: str, message_id: str, body: Json
) -> Json:
    """Edit a message's text; a body without one changes nothing."""
    if "text" not in body:
        return get_message(services, caller, conversation_id=conversation_id, message_id=message_id)
    text = body["text"]
    check_size(text, services.settings.max_message_bytes)
    message = services.conversations.threads.edit(
        caller.id, conversation_id, message_id, text=text, token_count=services.count_tokens(text)
    )
    return schemas.message.dump_one(message)


def delete_message(services: Services, caller: Caller, *, conversation_id: str, message_id: str) -> Json:
    """Delete a message; its children hang on its parent from then on."""
    services.conversations.threads.delete_message(caller.id, conversation_id, message_id)
    return {"messageId": message_id}


def give_feedback(
    services: Services, caller: Caller, *, conversation_id: str, message_id: str, body: Json
) -> Json:
    """Say what one thinks of a message, or nothing any more."""
    feedback = schemas.read_feedback(body)
    services.conversations.messages.give_feedback(caller.id, conversation_id, message_id, feedback)
    return {"messageId": message_id, "conversationId": conversation_id, "feedback": feedback}
