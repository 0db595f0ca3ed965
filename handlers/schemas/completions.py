"""Requests for completions; the answers are OpenAI's objects, made in `echo.completions`."""

from typing import Any

from marshmallow import fields, post_load

from echo.completions.asking import Question, read_messages
from echo.providers.chat import Parameters
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
    stream = fields.Boolean(load_default=False, allow_none=True)
    stream_options = fields.Nested(StreamOptionsSchema, load_default=None, allow_none=True)
    store = fields.Boolean(load_default=False, allow_none=True)
    conversation_id = Text(load_default=None, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **kwargs: Any) -> Question:
        """The question; raises `Unprocessable` for messages that no model can be asked."""
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
            ),
            stream=bool(data["stream"]),
            include_usage=bool((data["stream_options"] or {}).get("include_usage")),
            store=bool(data["store"]),
            conversation_id=data["conversation_id"],
        )


question = QuestionSchema()
