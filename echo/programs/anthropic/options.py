"""What steers an answer, from Anthropic's terms into those of all providers."""

from collections.abc import Mapping, Sequence
from typing import Any

from echo.completions.contents import check_depth
from echo.errors import BadRequest, FieldError, Unprocessable
from echo.providers.chat import NamedTool, Parameters, ResponseFormat, Tool, ToolChoice

Json = Mapping[str, Any]
# What would change where, with what or from which side an answer is made.
REFUSED = ("container", "mcp_servers", "inference_geo", "compaction")
TIERS = {"standard_only": "default"}
CHOICES: Mapping[str, ToolChoice] = {"auto": "auto", "any": "required", "none": "none"}
THINKING: Mapping[str, Any] = {"enabled": "on", "adaptive": "on", "disabled": "off"}


def read_parameters(body: Json) -> Parameters:
    """The parameters of a request that has passed the contract.

    Raises `Unprocessable` for what Echo has not, where the answer would mean something else without it, and
    `BadRequest` with the code that clients know for a thread.
    """
    for name in REFUSED:
        if body.get(name):
            raise unsupported(name, "is not something that Echo passes on")
    if body.get("thread"):
        raise BadRequest(
            "Echo holds no threads: send the whole conversation without `thread`.",
            code="thread_unsupported_request",
        )
    choice = body.get("tool_choice") or {}
    thinking, config = body.get("thinking") or {}, body.get("output_config") or {}
    return Parameters(
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        top_k=body.get("top_k"),
        max_tokens=body.get("max_tokens"),
        stop=tuple(body.get("stop_sequences") or ()),
        reasoning_effort=config.get("effort") or None,
        # An effort alone asks for no thinking here.
        thinking=THINKING.get(thinking.get("type", ""), "unsaid"),
        thinking_tokens=thinking.get("budget_tokens"),
        tools=tuple(read_tools(body.get("tools") or ())),
        tool_choice=_choice(choice),
        parallel_tool_calls=False if choice.get("disable_parallel_tool_use") else None,
        response_format=_format(config.get("format") or body.get("output_format")),
        service_tier=TIERS.get(body.get("service_tier") or ""),
    )


def read_tools(tools: Sequence[Json]) -> list[Tool]:
    """Tools that the client runs, by their schemas. Raises `Unprocessable` for those that Anthropic runs or knows."""
    found: list[Tool] = []
    for index, tool in enumerate(tools):
        kind = tool.get("type") or "custom"
        if kind != "custom":
            raise unsupported(
                f"tools.{index}",
                f"is Anthropic's own ({kind[:64]}): Echo passes on tools with an `input_schema` only",
            )
        if tool.get("input_schema") is None or not tool.get("name"):
            raise unsupported(f"tools.{index}", "must have a name and an `input_schema`")
        check_depth(tool["input_schema"], f"tools.{index}.input_schema")
        found.append(Tool(tool["name"], tool.get("description"), tool["input_schema"], tool.get("strict")))
    return found


def _choice(choice: Json) -> ToolChoice | None:
    if choice.get("type") != "tool":
        return CHOICES.get(choice.get("type", ""))
    if not choice.get("name"):
        raise unsupported("tool_choice.name", "must name the tool")
    return NamedTool(choice["name"])


def _format(wanted: Json | None) -> ResponseFormat | None:
    if wanted is None:
        return None
    schema = wanted.get("schema") or {}
    check_depth(schema, "output_config.format.schema")
    return ResponseFormat("json_schema", "answer", schema=schema, strict=is_closed(schema))


def is_closed(schema: Any) -> bool:
    """Whether every object has the properties that its schema requires and no other, as OpenAI's strict mode asks."""
    if isinstance(schema, list):
        return all(map(is_closed, schema))
    if not isinstance(schema, Mapping):
        return True
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, Mapping):
        named = required if isinstance(required, list) else []
        if schema.get("additionalProperties") is not False or any(name not in named for name in properties):
            return False
    return all(map(is_closed, schema.values()))


def unsupported(field: str, reason: str) -> Unprocessable:
    """The error for what Echo has not of Anthropic's."""
    return Unprocessable(
        f"{field} {reason}.", code="unsupported_parameter", errors=(FieldError(field, reason),)
    )
