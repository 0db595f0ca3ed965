"""Requests for completions; the answers are OpenAI's objects, made in `echo.completions`."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load

from echo.completions.asking import Question
from echo.completions.contents import check_depth
from echo.completions.messages import read_messages
from echo.providers.chat import NamedTool, Parameters, ResponseFormat, Tool, ToolChoice
from handlers.schemas.base import Input, Text


class StreamOptionsSchema(Input):
    """Options of a stream."""

    include_usage = fields.Boolean(load_default=False, allow_none=True)


class QuestionSchema(Input):
    """A request for a completion, as a `Question`; null is the same as absent, as for OpenAI."""

    model = Text(required=True)
    messages = fields.List(fields.Dict(), required=True)
    temperature = fields.Float(load_default=None, allow_none=True)
    top_p = fields.Float(load_default=None, allow_none=True)
    max_tokens = fields.Integer(load_default=None, allow_none=True)
    max_completion_tokens = fields.Integer(load_default=None, allow_none=True)
    stop = fields.Raw(load_default=None, allow_none=True)
    frequency_penalty = fields.Float(load_default=None, allow_none=True)
    presence_penalty = fields.Float(load_default=None, allow_none=True)
    reasoning_effort = Text(load_default=None, allow_none=True)
    tools = fields.List(fields.Dict(), load_default=None, allow_none=True)
    tool_choice = fields.Raw(load_default=None, allow_none=True)
    parallel_tool_calls = fields.Boolean(load_default=None, allow_none=True)
    response_format = fields.Dict(load_default=None, allow_none=True)
    seed = fields.Integer(load_default=None, allow_none=True)
    n = fields.Integer(load_default=None, allow_none=True)
    logprobs = fields.Boolean(load_default=None, allow_none=True)
    top_logprobs = fields.Integer(load_default=None, allow_none=True)
    logit_bias = fields.Dict(load_default=None, allow_none=True)
    prediction = fields.Dict(load_default=None, allow_none=True)
    service_tier = Text(load_default=None, allow_none=True)
    verbosity = Text(load_default=None, allow_none=True)
    modalities = fields.List(Text(), load_default=None, allow_none=True)
    audio = fields.Dict(load_default=None, allow_none=True)
    web_search_options = fields.Dict(load_default=None, allow_none=True)
    stream = fields.Boolean(load_default=False, allow_none=True)
    stream_options = fields.Nested(StreamOptionsSchema, load_default=None, allow_none=True)
    store = fields.Boolean(load_default=False, allow_none=True)
    conversation_id = Text(load_default=None, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **kwargs: Any) -> Question:
        """The question; raises `Unprocessable` for messages that no model can be asked."""
        for name in ("tools", "response_format", "prediction", "web_search_options"):
            check_depth(data[name], name)
        system, turns = read_messages(data["messages"])
        stop = data["stop"] or ()
        return Question(
            model=data["model"],
            turns=turns,
            system=system,
            parameters=Parameters(
                temperature=data["temperature"],
                top_p=data["top_p"],
                # The newer name of the two wins.
                max_tokens=data["max_completion_tokens"] or data["max_tokens"],
                stop=(stop,) if isinstance(stop, str) else tuple(stop),
                frequency_penalty=data["frequency_penalty"],
                presence_penalty=data["presence_penalty"],
                reasoning_effort=data["reasoning_effort"] or None,
                tools=tuple(map(read_tool, data["tools"] or ())),
                tool_choice=read_choice(data["tool_choice"]),
                response_format=read_format(data["response_format"]),
                modalities=tuple(data["modalities"] or ()),
                **{name: data[name] for name in AS_THEY_ARE},
            ),
            stream=bool(data["stream"]),
            include_usage=bool((data["stream_options"] or {}).get("include_usage")),
            store=bool(data["store"]),
            conversation_id=data["conversation_id"],
        )


# Parameters that are passed on as they came.
AS_THEY_ARE = (
    *("parallel_tool_calls", "seed", "n", "logprobs", "top_logprobs", "logit_bias", "prediction"),
    *("service_tier", "verbosity", "audio", "web_search_options"),
)


def read_tool(tool: Mapping[str, Any]) -> Tool:
    """A function that the model may call."""
    function = tool["function"]
    return Tool(
        function["name"], function.get("description"), function.get("parameters"), function.get("strict")
    )


def read_choice(choice: Any) -> ToolChoice | None:
    """Which tools the model may or must call: a word, or one by its name."""
    return NamedTool(choice["function"]["name"]) if isinstance(choice, dict) else choice


def read_format(wanted: Mapping[str, Any] | None) -> ResponseFormat | None:
    """The form of the answer."""
    if wanted is None:
        return None
    schema = wanted.get("json_schema") or {}
    return ResponseFormat(
        wanted["type"],
        schema.get("name", ""),
        schema.get("description"),
        schema.get("schema"),
        schema.get("strict"),
    )


question = QuestionSchema()
