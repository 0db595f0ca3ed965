"""Chats with models: start, follow, end, look."""

from typing import Any

from echo.conversations.message_size import check_size
from echo.handling.caller import Caller, ClientInfo
from echo.handling.event_stream import EventStream
from echo.handling.pending import Pending
from echo.services import Services
from handlers.schemas import chat as schemas

Json = dict[str, Any]


def start_chat(
    services: Services, caller: Caller, client: ClientInfo, *, endpoint: str, body: Json
) -> Json | Pending:
    """Ask a model; the answer comes by the stream."""
    asked = schemas.asked(body)
    check_size(asked.text, services.settings.max_message_bytes)
    return services.chat.starting.begin(caller.id, endpoint, asked, client)


def follow_chat(
    services: Services,
    caller: Caller,
    *,
    stream_id: str,
    resume: bool,
    generation_created_at: int | None = None,
) -> EventStream:
    """The events of a run, from the beginning or from now on, for as long as the session lasts."""
    frames = services.chat.follow(caller.id, stream_id, created_at=generation_created_at, resume=resume)
    return EventStream(services.accounts.standing.while_here(caller, frames))


def abort_chat(services: Services, caller: Caller, *, body: Json) -> Pending:
    """End a run; what came so far is kept."""
    target = schemas.abort.load(body)
    return Pending(lambda: services.chat.abort(caller.id, **target))


def get_chat_status(services: Services, caller: Caller, *, conversation_id: str) -> Json:
    """Whether a conversation has a run, and what it has said so far."""
    return services.chat.status(caller.id, conversation_id)


def list_active_chats(services: Services, caller: Caller) -> Json:
    """The caller's runs that have not ended."""
    return {"activeJobIds": services.chat.active(caller.id)}
