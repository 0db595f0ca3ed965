"""The offline model as a server of OpenAI's chat completions: what a client of a real one must cope with."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import orjson
from aiohttp import web

from echo.providers.offline.answers import Said, answer_to, asked_words, words_of
from echo.settings.offline import MODELS

# Seconds between two words.
PAUSES = {"echo-slow": 0.3, "echo-long": 0.0}
PAUSE = 0.005
SILENT_SECONDS = 24 * 3600
RETRY_AFTER_SECONDS = 30
# After how many words the model that breaks off does so.
BROKEN_WORDS = 8
FINGERPRINT = "echo-offline"


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """The answer to a request for models or for a completion; 404 for any other path."""
    path = request.path.rpartition("/v1/")[2]
    if path == "models":
        data = [{"id": name, "object": "model", "owned_by": FINGERPRINT} for name in MODELS]
        return web.json_response({"object": "list", "data": data})
    if path != "chat/completions":
        return refusal(404, "The offline model has chat completions only.", "not_found")
    body = orjson.loads(await request.read())
    model = body.get("model")
    if model not in MODELS:
        return refusal(404, "The offline model has no such name.", "model_not_found")
    if model == "echo-limit":
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return refusal(429, "The offline model was asked for a limit.", "rate_limit_exceeded", headers)
    if model == "echo-silent":
        await asyncio.sleep(SILENT_SECONDS)
    if body.get("stream"):
        return await _stream(request, body)
    return web.json_response(whole(body))


def refusal(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> web.Response:
    """An error in OpenAI's form."""
    error = {"message": message, "type": code, "code": code, "param": None}
    return web.json_response({"error": error}, status=status, headers=headers)


def whole(body: dict[str, Any]) -> dict[str, Any]:
    """A completion in one piece."""
    said = answer_to(body)
    message = {
        "role": "assistant",
        "content": said.text or None,
        "refusal": said.refusal or None,
        **({"reasoning_content": said.reasoning} if said.reasoning else {}),
        **(
            {"tool_calls": [_call(*each, index) for index, each in enumerate(said.calls)]}
            if said.calls
            else {}
        ),
    }
    choice = {"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}
    return {**_head(body, "chat.completion"), "choices": [choice], "usage": _usage(body, said)}


async def _stream(request: web.BaseRequest, body: dict[str, Any]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    pause = PAUSES.get(body["model"], PAUSE)
    for number, chunk in enumerate(chunks(body)):
        if body["model"] == "echo-broken" and number > BROKEN_WORDS:
            assert request.transport is not None  # noqa: S101 - for the type checker
            request.transport.abort()
            return response
        await response.write(b"data: " + orjson.dumps(chunk) + b"\n\n")
        await asyncio.sleep(pause)
    await response.write(b"data: [DONE]\n\n")
    return response


def chunks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks of a stream, one for each word; the last one counts, where that was asked for."""
    said = answer_to(body)
    head = {**_head(body, "chat.completion.chunk"), "usage": None}
    for delta in _deltas(said):
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": said.finish}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(body, said)}


def _deltas(said: Said) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning", "text", "refusal"):
        key = {"reasoning": "reasoning_content", "text": "content"}.get(name, name)
        yield from ({key: word} for word in words_of(getattr(said, name)))
    for index, (tool, arguments) in enumerate(said.calls):
        yield {"tool_calls": [{**_call(tool, "", index), "index": index}]}
        for piece in words_of(arguments.replace(",", ", ")):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _call(name: str, arguments: str, index: int) -> dict[str, Any]:
    return {
        "id": f"call_offline_{index}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    """What each piece of an answer begins with; the id is made of the request, as everything else is."""
    told = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]
    return {
        "id": f"chatcmpl-offline-{told}",
        "object": kind,
        "created": 0,
        "model": body["model"],
        "system_fingerprint": FINGERPRINT,
    }


def _usage(body: dict[str, Any], said: Said) -> dict[str, Any]:
    prompt, completion = asked_words(body), said.words
    details = {"reasoning_tokens": len(words_of(said.reasoning))}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "completion_tokens_details": details,
    }
