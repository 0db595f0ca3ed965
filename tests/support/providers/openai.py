"""A server that speaks OpenAI's chat completions, as its API reference writes them."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from tests.support.providers.errands import openai_answer
from tests.support.providers.openai_rules import refused
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

MODELS = ("gpt-4.1", "gpt-4.1-mini", "o3", "text-embedding-3-small", "gpt-4o-realtime-preview")
DONE = b"data: [DONE]\n\n"
# The kinds of error with their statuses, as the guide on error codes has them.
STATUSES = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "invalid_api_key": 401,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
}
SPOKEN: dict[str, Any] = {"id": "audio_abc123", "expires_at": 1_729_018_505}
# The type of an error; its code is more special.
GROUPS = {
    "context_length_exceeded": "invalid_request_error",
    "invalid_api_key": "invalid_request_error",
    "rate_limit_exceeded": "requests",
}


def openai_server(
    *behaviours: Behaviour, models: Sequence[str] = MODELS, key: str | None = None
) -> AbstractContextManager[ProviderServer]:
    """A running server, its address with `/v1`; each chat takes the next behaviour. With `key` it takes no other."""
    script = Script(behaviours, render)

    def respond(received: Received) -> Answer:
        authorization = received.headers.get("authorization", "")
        if not authorization.startswith("Bearer ") or key not in (None, authorization[7:]):
            return error_answer("invalid_api_key")
        if (received.method, received.path) == ("GET", "/v1/models"):
            return json_answer({"object": "list", "data": [model(name) for name in models]})
        if (received.method, received.path) == ("POST", "/v1/chat/completions"):
            fault = refused(received.json)
            return (
                script.next(received)
                if fault is None
                else json_answer(error_body("invalid_request_error", fault), 400)
            )
        other = openai_answer(received, received.path.removeprefix("/v1/"))
        return other or error_answer("invalid_request_error", 404)

    return serving(respond, "/v1")


def model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_686_935_002, "owned_by": "openai"}


def error_body(kind: str, text: str = "The provider's own words.") -> dict[str, Any]:
    group = GROUPS.get(kind, kind)
    return {"error": {"message": text, "type": group, "param": None, "code": None if group == kind else kind}}


def error_answer(kind: str, status: int | None = None, **headers: str) -> Answer:
    """An error instead of an answer."""
    return json_answer(error_body(kind), status or STATUSES[kind], **headers)


def render(reply: Reply, received: Received) -> Answer:
    """The reply in the form that was asked for."""
    if received.json.get("stream"):
        return event_stream(*stream(reply, received.json))
    return json_answer(completion(reply, received.json))


def completion(reply: Reply, request: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.whole, "refusal": reply.refusal, "annotations": []}
    if reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.calls
        ]
    if reply.spoken:
        message |= {"content": None, "audio": {**SPOKEN, **sound(b"".join(reply.spoken), reply.transcript)}}
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": finish_of(reply)}
        for index in range(request.get("n") or 1)
    ]
    return {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1_741_569_952,
        "model": request["model"],
        "choices": choices,
        "usage": usage(reply),
        "service_tier": "default",
    }


def sound(data: bytes, transcript: str) -> dict[str, Any]:
    return {"data": base64.b64encode(data).decode(), "transcript": transcript}


def finish_of(reply: Reply) -> str:
    return "tool_calls" if reply.calls and reply.finish == "stop" else reply.finish


def usage(reply: Reply) -> dict[str, Any]:
    prompt, answer = reply.usage
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": reply.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reply.thought, "audio_tokens": 0},
    }


def chunk(request: dict[str, Any], choices: list[dict[str, Any]], **more: Any) -> bytes:
    """One event of a stream."""
    body = {
        "id": "chatcmpl-123",
        "object": "chat.completion.chunk",
        "created": 1_694_268_190,
        "model": request.get("model", "gpt-4o-mini"),
        "system_fingerprint": "fp_44709d6fcb",
        "choices": choices,
        **more,
    }
    return f"data: {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": fields, "logprobs": None, "finish_reason": finish}


def deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    """What is said piece by piece, as OpenAI cuts it: of a call first its id and name, with empty arguments."""
    yield {"role": "assistant", "content": "", "refusal": None}
    yield from ({"reasoning_content": part} for part in reply.reasoning)
    yield from ({"content": part} for part in reply.text)
    if reply.spoken:
        yield {"audio": {"id": SPOKEN["id"], "transcript": reply.transcript}}
        yield from ({"audio": {"data": base64.b64encode(piece).decode()}} for piece in reply.spoken)
        yield {"audio": {"expires_at": SPOKEN["expires_at"]}}
    if reply.refusal:
        yield {"refusal": reply.refusal}
    for place, call in enumerate(reply.calls):
        yield from call_deltas(place, call)


def call_deltas(place: int, call: Called) -> Iterator[dict[str, Any]]:
    begun = {"index": place, "id": call.id, "type": "function"}
    yield {"tool_calls": [{**begun, "function": {"name": call.name, "arguments": ""}}]}
    for piece in call.pieces:
        yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}


def events(reply: Reply, request: dict[str, Any]) -> Iterator[bytes]:
    """The events of a stream up to where it ends well."""
    counted = (request.get("stream_options") or {}).get("include_usage")
    no_usage = {"usage": None} if counted else {}
    answers = range(request.get("n") or 1)
    for fields in deltas(reply):
        for index in answers:
            choice = delta(index=index, **fields)
            if request.get("logprobs") and fields.get("content"):
                choice["logprobs"] = {"content": [token(fields["content"])], "refusal": None}
            yield chunk(request, [choice], **no_usage)
    if reply.error or reply.cut:
        return
    for index in answers:
        yield chunk(request, [delta(finish_of(reply), index)], **no_usage)
    if counted:
        yield chunk(request, [], usage=usage(reply))


def token(text: str) -> dict[str, Any]:
    likely = {"token": text, "logprob": -0.25, "bytes": list(text.encode())}
    return {**likely, "top_logprobs": [likely]}


def stream(reply: Reply, request: dict[str, Any]) -> list[Any]:
    """All pieces of a stream."""
    pieces = mixed(list(events(reply, request)), reply.between)
    if reply.error:
        return [*pieces, f"data: {json.dumps(error_body(reply.error))}\n\n".encode()]
    return [*pieces, CUT] if reply.cut else [*pieces, DONE]
