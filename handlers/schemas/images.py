"""Requests for pictures; the answers are OpenAI's objects, made in `echo.programs`."""

from typing import Any

from marshmallow import fields, post_load

from echo.programs.images import Drawing
from handlers.schemas.base import Input, Text


class DrawingSchema(Input):
    """A request for pictures; null is the same as absent, as for OpenAI."""

    model = Text(required=True)
    prompt = Text(required=True)
    n = fields.Integer(load_default=None, allow_none=True)
    size = Text(load_default=None, allow_none=True)
    quality = Text(load_default=None, allow_none=True)
    style = Text(load_default=None, allow_none=True)
    background = Text(load_default=None, allow_none=True)
    moderation = Text(load_default=None, allow_none=True)
    output_format = Text(load_default=None, allow_none=True)
    output_compression = fields.Integer(load_default=None, allow_none=True)
    response_format = Text(load_default=None, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **kwargs: Any) -> Drawing:
        """The request; what steers it goes on under OpenAI's names."""
        return Drawing(data.pop("model"), data.pop("prompt"), data)


drawing = DrawingSchema()
