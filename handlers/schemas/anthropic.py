"""Requests for messages; the answers are Anthropic's objects, made in `echo.programs.anthropic`."""

from typing import Any

from marshmallow import fields, post_load

from echo.completions.asking import Question
from echo.programs.anthropic.asking import read_messages
from echo.programs.anthropic.options import read_parameters
from handlers.schemas.base import Input, Text


class MessageQuestionSchema(Input):
    """A request for a message, as a `Question`; null is the same as absent."""

    model = Text(required=True)
    messages = fields.List(fields.Dict(), required=True)
    system = fields.Raw(load_default=None, allow_none=True)
    max_tokens = fields.Integer(load_default=None)
    temperature = fields.Float(load_default=None, allow_none=True)
    top_p = fields.Float(load_default=None, allow_none=True)
    top_k = fields.Integer(load_default=None, allow_none=True)
    stop_sequences = fields.List(Text(), load_default=None, allow_none=True)
    thinking = fields.Dict(load_default=None, allow_none=True)
    tools = fields.List(fields.Dict(), load_default=None, allow_none=True)
    tool_choice = fields.Dict(load_default=None, allow_none=True)
    output_config = fields.Dict(load_default=None, allow_none=True)
    output_format = fields.Dict(load_default=None, allow_none=True)
    service_tier = Text(load_default=None, allow_none=True)
    container = fields.Raw(load_default=None, allow_none=True)
    mcp_servers = fields.List(fields.Dict(), load_default=None, allow_none=True)
    thread = fields.Dict(load_default=None, allow_none=True)
    compaction = fields.Dict(load_default=None, allow_none=True)
    inference_geo = Text(load_default=None, allow_none=True)
    stream = fields.Boolean(load_default=False, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **kwargs: Any) -> Question:
        """The question; raises `Unprocessable` for what no model can be asked."""
        system, turns = read_messages(data["system"], data["messages"])
        return Question(
            model=data["model"],
            turns=turns,
            system=system,
            parameters=read_parameters(data),
            stream=bool(data["stream"]),
        )


question = MessageQuestionSchema()
