"""Requests for speech."""

from typing import Any

from marshmallow import fields, post_load

from echo.programs.audio import Said
from handlers.schemas.base import Input, Text


class SaidSchema(Input):
    """A request for speech; null is the same as absent, as for OpenAI."""

    model = Text(required=True)
    input = Text(required=True)
    voice = Text(required=True)
    response_format = Text(load_default=None, allow_none=True)
    speed = fields.Float(load_default=None, allow_none=True)
    instructions = Text(load_default=None, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **kwargs: Any) -> Said:
        """The request."""
        return Said(
            data["model"],
            data["input"],
            data["voice"],
            data["response_format"] or "mp3",
            data["speed"],
            data["instructions"],
        )


said = SaidSchema()
