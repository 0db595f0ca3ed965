"""Requests for responses; the answers are OpenAI's objects, made in `echo.responses`."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields, post_load

from echo.providers.chat import NamedTool, Parameters, ResponseFormat, Tool, ToolChoice
from echo.responses.asking import Asked, unsupported
from echo.responses.items import as_items
from handlers.schemas.base import Input, Text

JSON_SCHEMA = "json_schema"
LOGPROBS = "message.output_text.logprobs"
# What would mean something else if it were left out.
REFUSED = {
    "conversation": "Echo has no conversations of OpenAI's; use `previous_response_id`.",
    "prompt": "Echo has no prompts of OpenAI's; send the text as `instructions`.",
}


class AskedSchema(Input):
    """A request for a response; null is the same as absent, as for OpenAI."""

    model = Text(required=True)
    given = fields.Raw(load_default=None, allow_none=True, data_key="input")
    instructions = Text(load_default=None, allow_none=True)
    previous_response_id = Text(load_default=None, allow_none=True)
    store = fields.Boolean(load_default=None, allow_none=True)
    stream = fields.Boolean(load_default=False, allow_none=True)
    tools = fields.List(fields.Dict(), load_default=None, allow_none=True)
    tool_choice = fields.Raw(load_default=None, allow_none=True)
    parallel_tool_calls = fields.Boolean(load_default=None, allow_none=True)
    text = fields.Dict(load_default=None, allow_none=True)
    reasoning = fields.Dict(load_default=None, allow_none=True)
    max_output_tokens = fields.Integer(load_default=None, allow_none=True)
    temperature = fields.Float(load_default=None, allow_none=True)
    top_p = fields.Float(load_default=None, allow_none=True)
    top_logprobs = fields.Integer(load_default=None, allow_none=True)
    truncation = Text(load_default=None, allow_none=True)
    include = fields.List(Text(), load_default=None, allow_none=True)
    metadata = fields.Dict(load_default=None, allow_none=True)
    user = Text(load_default=None, allow_none=True)
    service_tier = Text(load_default=None, allow_none=True)
    background = fields.Boolean(load_default=None, allow_none=True)
    conversation = fields.Raw(load_default=None, allow_none=True)
    prompt = fields.Raw(load_default=None, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **kwargs: Any) -> Asked:
        """The request; raises `Unprocessable` for what is not to be had here."""
        for name, sentence in REFUSED.items():
            if data[name]:
                raise unsupported(name, sentence)
        if data["background"] and data["store"] is False:
            raise unsupported("store", "What is made in the background is kept: leave `store` out.")
        reasoning, text = data["reasoning"] or {}, data["text"] or {}
        summary = reasoning.get("summary") or reasoning.get("generate_summary")
        return Asked(
            model=data["model"],
            items=tuple(as_items(data["given"] or ())),
            instructions=data["instructions"],
            parameters=read_parameters(data, reasoning, text),
            told=told(data, reasoning, text),
            stream=bool(data["stream"]),
            store=data["store"],
            previous=data["previous_response_id"],
            truncates=data["truncation"] == "auto",
            summarized=bool(summary),
            background=bool(data["background"]),
        )


def read_parameters(
    data: Mapping[str, Any], reasoning: Mapping[str, Any], text: Mapping[str, Any]
) -> Parameters:
    """What steers the answer."""
    likely = data["top_logprobs"] or LOGPROBS in (data["include"] or ())
    return Parameters(
        temperature=data["temperature"],
        top_p=data["top_p"],
        max_tokens=data["max_output_tokens"],
        reasoning_effort=reasoning.get("effort") or None,
        tools=tuple(read_tool(tool, at) for at, tool in enumerate(data["tools"] or ())),
        tool_choice=read_choice(data["tool_choice"]),
        parallel_tool_calls=data["parallel_tool_calls"],
        response_format=read_format(text.get("format")),
        logprobs=True if likely else None,
        top_logprobs=data["top_logprobs"] or None,
        verbosity=text.get("verbosity") or None,
        service_tier=data["service_tier"],
    )


def read_tool(tool: Mapping[str, Any], at: int) -> Tool:
    """A function that the model may call."""
    place = f"tools.{at}"
    if tool["type"] != "function":
        raise unsupported(
            f"{place}.type",
            "The only tools here are functions, which the program runs: no built-in, no custom ones.",
        )
    if not tool.get("name"):
        raise unsupported(place, "A function must have a `name`.")
    return Tool(tool["name"], tool.get("description"), tool.get("parameters"), tool.get("strict"))


def read_choice(choice: Any) -> ToolChoice | None:
    """Which tools the model may or must call."""
    if not isinstance(choice, dict):
        found: ToolChoice | None = choice
        return found
    if choice["type"] != "function" or not choice.get("name"):
        raise unsupported("tool_choice", "`tool_choice` can be a word, or one function by its `name`.")
    return NamedTool(choice["name"])


def read_format(wanted: Mapping[str, Any] | None) -> ResponseFormat | None:
    """The form of the answer."""
    if wanted is None:
        return None
    if wanted["type"] == JSON_SCHEMA and not wanted.get("name"):
        raise unsupported("text.format", "A form by JSON Schema must have a `name`.")
    named = wanted.get("name", ""), wanted.get("description"), wanted.get("schema"), wanted.get("strict")
    return ResponseFormat(wanted["type"], *named)


def told(data: Mapping[str, Any], reasoning: Mapping[str, Any], text: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a request as its response repeats them."""
    same = ("max_output_tokens", "temperature", "top_p", "top_logprobs", "user", "service_tier")
    tool = ("type", "name", "description", "parameters", "strict")
    parallel = data["parallel_tool_calls"]
    form = text.get("format") or {"type": "text"}
    verbosity = text.get("verbosity")
    return {
        **{name: data[name] for name in same},
        "metadata": data["metadata"] or {},
        "parallel_tool_calls": True if parallel is None else parallel,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "text": {"format": form, **({"verbosity": verbosity} if verbosity else {})},
        "tool_choice": data["tool_choice"] or "auto",
        "tools": [{name: each.get(name) for name in tool} for each in data["tools"] or ()],
        "truncation": data["truncation"] or "disabled",
    }


def item_page(
    items: Sequence[Mapping[str, Any]], *, order: str, limit: int, after: str | None
) -> dict[str, Any]:
    """A page of a response's input, with an id for each item by its place."""
    named = [{**item, "id": item.get("id") or f"item_{at}"} for at, item in enumerate(items)]
    if order == "desc":
        named.reverse()
    ids = [str(item["id"]) for item in named]
    begin = ids.index(after) + 1 if after in ids else 0
    page = named[begin : begin + limit]
    ends = (
        {"first_id": ids[begin], "last_id": ids[begin + len(page) - 1]}
        if page
        else {"first_id": None, "last_id": None}
    )
    return {"object": "list", "data": page, **ends, "has_more": begin + limit < len(named)}


asked = AskedSchema()
