"""A server that speaks Anthropic's messages, as its API reference and its page on streaming write them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from tests.support.providers.anthropic_rules import refused
from tests.support.providers.replies import Behaviour, Called, Reply, Script, mixed
from tests.support.providers.server import (
    CUT,
    Answer,
    ProviderServer,
    Received,
    event_stream,
    json_answer,
    serving,
)

MODELS = ("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001")
STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "tool_calls": "tool_use",
}
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
}
VERSIONS = ("2023-06-01", "2026-10-21")
COUNTED = 2095
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def anthropic_server(
    *behaviours: Behaviour, models: Sequence[str] = MODELS, key: str | None = None
) -> AbstractContextManager[ProviderServer]:
    """A running server; each message takes the next behaviour. With `key` it takes no other."""
    script = Script(behaviours, render)

    def respond(received: Received) -> Answer:
        # The newer clients send it as a bearer token.
        given = received.headers.get("x-api-key") or received.headers.get("authorization", "")[7:]
        if not given or key not in (None, given):
            return error_answer("authentication_error")
        if received.headers.get("anthropic-version") not in VERSIONS:
            return error_answer("invalid_request_error")
        if received.method == "GET" and received.path.partition("?")[0] == "/v1/models":
            return json_answer(model_list(models))
        counting = received.path == "/v1/messages/count_tokens"
        if received.path != "/v1/messages" and not counting:
            return error_answer("not_found_error")
        if refusal := refused(received.json, counting=counting):
            return json_answer(error_body("invalid_request_error", refusal), 400)
        return json_answer({"input_tokens": COUNTED}) if counting else script.next(received)

    return serving(respond)


def model_list(models: Sequence[str]) -> dict[str, Any]:
    data = [
        {"type": "model", "id": name, "display_name": name.title(), "created_at": "2025-09-29T00:00:00Z"}
        for name in models
    ]
    return {"data": data, "has_more": False, "first_id": models[0], "last_id": models[-1]}


def error_body(kind: str, text: str = "The provider's own words.") -> dict[str, Any]:
    return {
        "type": "error",
        "error": {"type": kind, "message": text},
        "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    }


def error_answer(kind: str, **headers: str) -> Answer:
    """An error instead of an answer."""
    return json_answer(error_body(kind), STATUSES[kind], **headers)


def render(reply: Reply, received: Received) -> Answer:
    """The reply in the form that was asked for."""
    if received.json.get("stream"):
        return event_stream(*stream(reply, received.json))
    return json_answer(message(reply, received.json, blocks(reply), stop_reason(reply), reply.usage))


def blocks(reply: Reply) -> list[dict[str, Any]]:
    """All that is said, in Anthropic's order."""
    said = "".join(reply.reasoning)
    thinking = [{"type": "thinking", "thinking": said, "signature": SIGNATURE}] if said else []
    text = [{"type": "text", "text": reply.whole}] if reply.whole or not reply.calls else []
    return [*thinking, *text, *({**use(call), "input": json.loads(call.arguments)} for call in reply.calls)]


def use(call: Called) -> dict[str, Any]:
    """A call as its block begins: the input comes after it."""
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}


def stop_reason(reply: Reply) -> str:
    return "tool_use" if reply.calls and reply.finish == "stop" else STOP_REASONS[reply.finish]


def message(
    reply: Reply, request: dict[str, Any], content: list[Any], reason: str | None, usage: tuple[int, int]
) -> dict[str, Any]:
    return {
        "id": "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY",
        "type": "message",
        "role": "assistant",
        "content": content,
        "model": request["model"],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage[0] - reply.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": reply.cached,
            "output_tokens": usage[1],
        },
    }


def event(kind: str, **fields: Any) -> bytes:
    """One event of a stream."""
    body = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {body}\n\n".encode()


def events(reply: Reply, request: dict[str, Any]) -> Iterator[bytes]:
    """The events of a stream up to the last block."""
    yield event("message_start", message=message(reply, request, [], None, (reply.usage[0], 1)))
    parts = list(parts_of(reply))
    for index, (begun, deltas) in enumerate(parts):
        yield event("content_block_start", index=index, content_block=begun)
        if begun["type"] == "text":
            yield PING
        for each in deltas:
            yield event("content_block_delta", index=index, delta=each)
        if index < len(parts) - 1 or not (reply.error or reply.cut):
            yield event("content_block_stop", index=index)


def parts_of(reply: Reply) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """How each block begins, and its pieces. Before the pieces of an input comes an empty one."""
    if reply.reasoning:
        thoughts = [{"type": "thinking_delta", "thinking": part} for part in reply.reasoning]
        signature = {"type": "signature_delta", "signature": SIGNATURE}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signature]
    if reply.text or not reply.calls:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": part} for part in reply.text]
    for call in reply.calls:
        pieces = ("", *call.pieces) if call.arguments != "{}" else ("",)
        yield use(call), [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def stream(reply: Reply, request: dict[str, Any]) -> list[Any]:
    """All pieces of a stream."""
    pieces = mixed(list(events(reply, request)), reply.between)
    if reply.error:
        return [*pieces, f"event: error\ndata: {json.dumps(error_body(reply.error))}\n\n".encode()]
    if reply.cut:
        return [*pieces, CUT]
    ending = {"stop_reason": stop_reason(reply), "stop_sequence": None}
    counts = {"output_tokens": reply.usage[1], "output_tokens_details": {"thinking_tokens": reply.thought}}
    last = event("message_delta", delta=ending, usage=counts)
    return [*pieces, last, event("message_stop")]
