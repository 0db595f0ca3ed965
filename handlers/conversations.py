"""Conversations: list, read, rename, archive, title, fork, delete."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.providers.personal import body_values, user_values
from echo.providers.titles import Titled
from echo.services import Services
from handlers.paging import all_under, clamp, page_body
from handlers.schemas import conversations as schemas
from handlers.schemas import messages as message_schemas

Json = dict[str, Any]


def list_conversations(
    services: Services,
    caller: Caller,
    *,
    limit: int,
    order: str,
    cursor: str | None = None,
    is_archived: bool = False,
    search: str | None = None,
) -> Json | Pending:
    """One page of the caller's conversations, by default the newest that are not archived."""

    def page(stop: Any = None) -> Json:
        found = services.conversations.conversations.list_page(
            caller.id,
            limit=clamp(limit),
            cursor=cursor,
            archived=is_archived,
            newest_first=order == "desc",
            search=search,
            stop=stop,
        )
        return page_body("conversations", schemas.conversation, found)

    return services.conversations.searches.pending(caller.id, page) if search else page()


def get_conversation(services: Services, caller: Caller, *, conversation_id: str) -> Json:
    """One conversation."""
    return schemas.conversation.dump_one(services.conversations.conversations.get(caller.id, conversation_id))


def delete_conversation(services: Services, caller: Caller, *, conversation_id: str) -> Json:
    """Delete a conversation and its messages; what a model still says in it ends."""
    deleted = services.conversations.deletions.delete(caller.id, conversation_id)
    for each in deleted.conversation_ids:
        services.chat.abandon(caller.id, each)
    return {"conversations": len(deleted.conversation_ids), "messages": deleted.messages}


def update_conversation(services: Services, caller: Caller, *, body: Json) -> Json:
    """Rename, archive or restore a conversation; what the body does not name stays."""
    change = schemas.change.load(body)
    conversation_id = change.pop("conversation_id")
    if not change:
        return get_conversation(services, caller, conversation_id=conversation_id)
    return schemas.conversation.dump_one(
        services.conversations.conversations.update(caller.id, conversation_id, **change)
    )


def generate_title(services: Services, caller: Caller, *, body: Json) -> Json:
    """Give a conversation a title made from how it began."""
    conversation = services.conversations.conversations.get(caller.id, body["conversationId"])
    conversation_id = conversation["conversationId"]
    messages = services.conversations.messages.read_conversation(caller.id, conversation_id)
    question, answer = message_schemas.opening(messages.documents())
    if question is None:
        return {"title": schemas.conversation.dump_one(conversation)["title"]}
    endpoint, model = conversation.get("endpoint"), conversation.get("model")
    title = services.providers.titles.wait_for(
        services.background,
        question,
        answer,
        endpoint=endpoint,
        model=model,
        credentials=services.accounts.keys.credentials(caller.id, endpoint) if endpoint else None,
        placeholders={
            **user_values(services.accounts.users.get(caller.id)),
            **body_values({"conversationId": conversation_id}),
        },
        opened=services.models.of(caller.id),
        titled=Titled(caller.id, conversation_id),
    )
    # A name that the user has given meanwhile stays.
    titled = services.conversations.conversations.replace_title(
        caller.id, conversation_id, conversation.get("title"), title
    )
    return {"title": schemas.conversation.dump_one(titled)["title"]}


def await_title(services: Services, caller: Caller, *, conversation_id: str) -> Pending:
    """The title of a conversation, once a run has made it."""

    async def wait() -> Json:
        return {"title": await services.chat.title(caller.id, conversation_id)}

    return Pending(wait)


def fork_conversation(services: Services, caller: Caller, *, body: Json) -> Json | JsonItems:
    """Copy a conversation up to one of its messages into a new one."""
    target = schemas.fork.load(body)
    conversation = services.conversations.copies.fork(
        caller.id, target.pop("conversation_id"), target.pop("message_id"), **target
    )
    messages = services.conversations.messages.read_conversation(caller.id, conversation["conversationId"])
    made = {"conversation": schemas.conversation.dump_one(conversation)}
    return all_under("messages", message_schemas.message, messages, made)
