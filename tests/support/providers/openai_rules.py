"""What OpenAI's API refuses of what a client could easily get wrong, each with its own sentence."""

import re
from collections.abc import Iterator
from typing import Any

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
PARTS = {
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
    "tool": {"text"},
    "system": {"text"},
    "developer": {"text"},
}


def refused(request: dict[str, Any]) -> str | None:
    """The first sentence against a request."""
    return next(_faults(request), None)


def _faults(request: dict[str, Any]) -> Iterator[str]:
    yield from _tool_faults(request)
    wanted = request.get("response_format") or {}
    if wanted.get("type") == "json_schema" and wanted["json_schema"].get("strict"):
        yield from _strict_faults(wanted["json_schema"]["schema"], "response_format")
    if request.get("top_logprobs") is not None and not request.get("logprobs"):
        yield "Invalid value for 'top_logprobs': 'top_logprobs' is only allowed when 'logprobs' is enabled."
    if "audio" in (request.get("modalities") or ()) and not request.get("audio"):
        yield "Missing required parameter: 'audio' must be specified when requesting audio output."
    if request.get("audio") and request.get("stream") and request["audio"]["format"] != "pcm16":
        yield "Unsupported value: 'audio.format' must be 'pcm16' when 'stream' is true."
    yield from _order_faults(request["messages"])
    for message in request["messages"]:
        yield from _message_faults(message)


def _tool_faults(request: dict[str, Any]) -> Iterator[str]:
    tools = request.get("tools")
    if tools == []:
        yield "Invalid 'tools': empty array. Expected an array with minimum length 1."
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in request and not tools:
            yield f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
    for each in tools or ():
        if not NAME.fullmatch(each["function"]["name"]):
            yield "Invalid 'tools[0].function.name': string does not match pattern."
        if each["function"].get("strict"):
            yield from _strict_faults(each["function"].get("parameters") or {}, "function")


def _strict_faults(schema: dict[str, Any], place: str) -> Iterator[str]:
    if schema.get("additionalProperties") is not False:
        yield f"Invalid schema for {place}: 'additionalProperties' is required to be supplied and to be false."
    if set(schema.get("required", ())) != set(schema.get("properties", ())):
        yield f"Invalid schema for {place}: 'required' is required to include every key in properties."


def _order_faults(messages: list[dict[str, Any]]) -> Iterator[str]:
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                yield "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            break
        open_calls |= {call["id"] for call in message.get("tool_calls") or ()}
    if open_calls:
        yield "An assistant message with 'tool_calls' must be followed by tool messages."


def _message_faults(message: dict[str, Any]) -> Iterator[str]:
    role, content = message["role"], message.get("content")
    if content is None and not (
        role == "assistant" and any(message.get(name) for name in ("tool_calls", "refusal", "audio"))
    ):
        yield "Invalid value for 'content': expected a string, got null."
    for part in content if isinstance(content, list) else ():
        if part["type"] not in PARTS[role]:
            yield f"Invalid value: '{part['type']}'."
    for call in message.get("tool_calls") or ():
        if set(call) != {"id", "type", "function"}:
            yield "Unknown parameter: 'messages[1].tool_calls[0]'."
