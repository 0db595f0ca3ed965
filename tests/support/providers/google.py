"""A server that speaks Google's Gemini API, as its reference writes it."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote

from tests.support.providers.errands import drawn, google_answer
from tests.support.providers.google_rules import refused
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

MODELS = ("gemini-2.5-pro", "gemini-2.5-flash")
CALL = re.compile(r"/v1(?:beta)?/models/([^/:]+):(generateContent|streamGenerateContent)(\?alt=sse)?")
LISTS = ("/v1/models", "/v1beta/models")
FINISH_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY", "tool_calls": "STOP"}
SIGNATURE = "CiQB0e2Kb0FhZGVmYXVsdA=="
STATUSES = {
    "INVALID_ARGUMENT": 400,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}


def google_server(
    *behaviours: Behaviour, models: Sequence[str] = MODELS, key: str | None = None
) -> AbstractContextManager[ProviderServer]:
    """A running server; each generation takes the next behaviour. With `key` it takes no other."""
    script = Script(behaviours, render)

    def respond(received: Received) -> Answer:
        given = received.headers.get("x-goog-api-key")
        if given is None:
            return error_answer("PERMISSION_DENIED")
        if key not in (None, given):
            return bad_key()
        if received.method == "GET" and received.path.partition("?")[0] in LISTS:
            return json_answer({"models": [*map(model, models), embedding()]})
        if not (called := CALL.fullmatch(received.path)):
            return google_answer(received) or error_answer("NOT_FOUND")
        if refused(received.json, unquote(called[1])):
            return error_answer("INVALID_ARGUMENT")
        draws = "IMAGE" in received.json.get("generationConfig", {}).get("responseModalities", ())
        return drawn(received) if draws else script.next(received)

    return serving(respond)


def model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "2.5",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent"],
    }


def embedding() -> dict[str, Any]:
    return {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]}


def error_body(status: str, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {
        "code": STATUSES.get(status, 500),
        "message": "The provider's own words.",
        "status": status,
    }
    return {"error": {**error, "details": details} if details else error}


def error_answer(status: str, details: list[dict[str, Any]] | None = None) -> Answer:
    """An error instead of an answer."""
    return json_answer(error_body(status, details), STATUSES[status])


def limited(seconds: int) -> Answer:
    """The answer to too many requests: how long to wait stands among the details."""
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}
    return error_answer("RESOURCE_EXHAUSTED", [retry])


def bad_key() -> Answer:
    """The answer to a key that is none: not 401."""
    reason = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    return error_answer("INVALID_ARGUMENT", [reason])


def render(reply: Reply, received: Received) -> Answer:
    """The reply in the form that was asked for."""
    called = CALL.fullmatch(received.path)
    assert called is not None
    name = unquote(called[1])
    if called[2] == "streamGenerateContent":
        return event_stream(*stream(reply, name))
    text = [{"text": reply.whole}] if reply.whole or not reply.calls else []
    thoughts = ({"text": part, "thought": True} for part in reply.reasoning)
    parts = [*thoughts, *text, *calls(reply.calls)]
    return json_answer(response(reply, name, parts, FINISH_REASONS[reply.finish]))


def calls(made: Sequence[Called]) -> list[dict[str, Any]]:
    """The parts of all calls; the signature stands with the first one."""
    parts: list[dict[str, Any]] = [
        {"functionCall": {"name": call.name, "args": json.loads(call.arguments), "id": call.id}}
        for call in made
    ]
    return [{**part, "thoughtSignature": SIGNATURE} if part is parts[0] else part for part in parts]


def response(
    reply: Reply, name: str, parts: list[dict[str, Any]], reason: str | None, written: int | None = None
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    prompt, answer = reply.usage
    answer = answer - reply.thought if written is None else written
    return {
        "candidates": [{**candidate, "finishReason": reason} if reason else candidate],
        "usageMetadata": {
            "promptTokenCount": prompt,
            "candidatesTokenCount": answer,
            "cachedContentTokenCount": reply.cached,
            "thoughtsTokenCount": reply.thought,
            "totalTokenCount": prompt + answer + reply.thought,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        },
        "modelVersion": name,
        "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
    }


def event(body: dict[str, Any]) -> bytes:
    """One event of a stream; Google ends its lines with CR LF."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\r\n\r\n".encode()


def events(reply: Reply, name: str) -> Iterator[bytes]:
    """The events of a stream; the last part comes with the end, each call whole."""
    for part in reply.reasoning:
        yield event(response(reply, name, [{"text": part, "thought": True}], None, 0))
    ends = not (reply.error or reply.cut)
    parts = [*({"text": part} for part in reply.text), *calls(reply.calls)]
    for index, each in enumerate(parts):
        last = ends and index == len(parts) - 1
        reason = FINISH_REASONS[reply.finish] if last else None
        yield event(response(reply, name, [each], reason, None if last else index + 1))


def stream(reply: Reply, name: str) -> list[Any]:
    """All pieces of a stream."""
    pieces = mixed(list(events(reply, name)), reply.between)
    if reply.error:
        return [*pieces, event(error_body(reply.error))]
    return [*pieces, CUT] if reply.cut else pieces
