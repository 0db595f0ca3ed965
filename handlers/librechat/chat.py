"""Chats as LibreChat's own clients hold them: its protocol of runs in both versions, steering, two models at once."""

from typing import Any

from echo.chat.refusals import no_pending_action
from echo.conversations.message_size import check_size
from echo.handling.caller import Caller, ClientInfo
from echo.handling.event_stream import EventStream
from echo.handling.pending import Pending
from echo.services import Services
from handlers.librechat.schemas import chat as schemas

Json = dict[str, Any]


def start_chat(
    services: Services, caller: Caller, client: ClientInfo, *, endpoint: str, body: Json
) -> Json | Pending:
    """Ask a model, or two; the answer comes by the stream."""
    asked = schemas.asked(body)
    check_size(asked.text, services.settings.max_message_bytes)
    return services.chat.starting.begin(caller.id, endpoint, asked, client)


def start_agent_chat(services: Services, caller: Caller, client: ClientInfo, *, body: Json) -> Json | Pending:
    """The same for the endpoint that the body names."""
    return start_chat(services, caller, client, endpoint=schemas.endpoint_of(body), body=body)


def follow_chat(
    services: Services,
    caller: Caller,
    *,
    stream_id: str,
    resume: bool,
    generation_created_at: int | None = None,
    generation_protocol_version: int | None = None,
) -> EventStream:
    """The events of a run, from the beginning or from now on, for as long as the session lasts."""
    frames = services.chat.follow(
        caller.id,
        stream_id,
        created_at=generation_created_at,
        resume=resume,
        protocol=schemas.protocol(generation_protocol_version),
        reconnects=True,
    )
    return EventStream(services.accounts.standing.while_here(caller, frames))


def get_chat_status(
    services: Services,
    caller: Caller,
    *,
    conversation_id: str,
    generation_protocol_version: int | None = None,
) -> Json:
    """Whether a conversation has a run, what it has said so far, and what was said to it."""
    version = schemas.protocol(generation_protocol_version)
    state = services.chat.progress(caller.id, conversation_id, once=version == 1)
    return {**state, "generationProtocolVersion": version}


def abort_chat(services: Services, caller: Caller, *, body: Json) -> Pending:
    """End a run; what came so far is kept."""
    target = schemas.abort_target(body)
    return Pending(lambda: services.chat.abort(caller.id, **target))


def steer_chat(services: Services, caller: Caller, *, body: Json) -> Json:
    """Let a message wait for the end of the run under way."""
    said = schemas.said.load(body)
    check_size(said.text, services.settings.max_message_bytes)
    queued = services.chat.steering.steer(caller.id, said)
    return {**queued, "generationProtocolVersion": schemas.protocol_of(body)}


def cancel_steer(services: Services, caller: Caller, *, body: Json) -> Json:
    """Take a message back."""
    removed = services.chat.steering.cancel(caller.id, **schemas.steer_change.load(body))
    return {"removed": removed, "generationProtocolVersion": schemas.protocol_of(body)}


def arm_steer(services: Services, caller: Caller, *, body: Json) -> Json:
    """Say that a model is not interrupted for a message."""
    version = schemas.protocol_of(body)
    return {"armed": False, "code": "PREEMPT_UNSUPPORTED", "generationProtocolVersion": version}


def resume_chat(services: Services, caller: Caller, *, body: Json) -> Json:
    """Say that no run waits for a decision."""
    raise no_pending_action()
