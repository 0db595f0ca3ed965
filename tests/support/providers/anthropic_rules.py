"""What Anthropic's API refuses of what a client could easily get wrong, each with its own sentence."""

import re
from collections.abc import Iterator
from typing import Any

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
ID = re.compile(r"[a-zA-Z0-9_-]+")
PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")
MOST_MARKS = 4


# What a request for the number of tokens may have.
COUNTED = {
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
}


def refused(request: dict[str, Any], *, counting: bool = False) -> str | None:
    """The first sentence against a request."""
    if not counting:
        return next(_faults(request), None)
    if further := sorted(request.keys() - COUNTED):
        return f"{further[0]}: Extra inputs are not permitted"
    return next(_faults({**request, "max_tokens": 1}), None)


def _faults(request: dict[str, Any]) -> Iterator[str]:
    if not isinstance(request.get("max_tokens"), int):
        yield "max_tokens: Field required"
    if not request["messages"] or request["messages"][0]["role"] != "user":
        yield "messages: first message must use the user role"
    if request["model"].startswith("claude-sonnet-4-5") and {"temperature", "top_p"} <= set(request):
        yield "`temperature` and `top_p` cannot both be specified for this model."
    if request["messages"][-1]["role"] == "assistant" and "-4-6" in request["model"]:
        yield "This model does not support assistant message prefill."
    yield from _tool_faults(request)
    for message in request["messages"]:
        for block in _blocks(message):
            yield from _block_faults(block)
    yield from _pairing_faults(request["messages"])
    if str(request).count("'cache_control'") > MOST_MARKS:
        yield "A maximum of 4 blocks with cache_control may be provided."


def _tool_faults(request: dict[str, Any]) -> Iterator[str]:
    tools = request.get("tools", [])
    used = any(block["type"] == "tool_use" for message in request["messages"] for block in _blocks(message))
    if used and not tools:
        yield "Requests which include `tool_use` or `tool_result` blocks must define tools."
    for tool in tools:
        if not NAME.fullmatch(tool["name"]):
            yield "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"
        if "type" not in tool and tool["input_schema"].get("type") != "object":
            yield "tools.0.custom.input_schema.type: Field required"
        if {"anyOf", "oneOf", "allOf"} & set(tool.get("input_schema", ())):
            yield "tools.0.custom.input_schema: does not support oneOf, allOf, or anyOf at the top level"
        if tool.get("strict") and tool["input_schema"].get("additionalProperties") is not False:
            yield "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false"
    if choice := request.get("tool_choice"):
        yield from _choice_faults(choice, {tool["name"] for tool in tools})


def _choice_faults(choice: dict[str, Any], names: set[str]) -> Iterator[str]:
    if not names:
        yield "tool_choice may only be specified while providing tools"
    if choice["type"] == "tool" and choice["name"] not in names:
        yield "tool_choice: Tool not found in provided tools"
    if choice["type"] == "none" and "disable_parallel_tool_use" in choice:
        yield "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted"


def _block_faults(block: dict[str, Any]) -> Iterator[str]:
    kind = block["type"]
    if kind == "text" and not block["text"].strip():
        yield "messages: text content blocks must be non-empty"
    if kind == "tool_use" and not isinstance(block["input"], dict):
        yield "messages.1.content.0.tool_use.input: Input should be a valid dictionary"
    if kind in ("tool_use", "tool_result") and not ID.fullmatch(block.get("id") or block["tool_use_id"]):
        yield "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    if kind == "thinking" and not block["signature"]:
        yield "messages.1.content.0.thinking.signature: Field required"
    if kind == "image" and block["source"].get("media_type", PICTURES[0]) not in PICTURES:
        yield "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', ..."


def _pairing_faults(messages: list[dict[str, Any]]) -> Iterator[str]:
    called: set[str] = set()
    for message in messages:
        blocks = _blocks(message)
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if called - set(answered):
            yield "`tool_use` ids were found without `tool_result` blocks immediately after"
        if set(answered) - called:
            yield "unexpected `tool_use_id` found in `tool_result` blocks"
        if answered and any(block["type"] != "tool_result" for block in blocks[: len(answered)]):
            yield "`tool_result` blocks must come first"
        called = {block["id"] for block in blocks if block["type"] == "tool_use"}


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    return message["content"] if isinstance(message["content"], list) else []
