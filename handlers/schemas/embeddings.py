"""Requests for embeddings; the answers are OpenAI's objects, made in `echo.programs`."""

from typing import Any

from marshmallow import fields, post_load

from echo.programs.embeddings import Asked
from handlers.schemas.base import Input, Text

BASE64 = "base64"


class AskedSchema(Input):
    """A request for embeddings; null is the same as absent, as for OpenAI."""

    model = Text(required=True)
    inputs = fields.Raw(required=True, data_key="input")
    dimensions = fields.Integer(load_default=None, allow_none=True)
    encoding_format = Text(load_default=None, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **kwargs: Any) -> Asked:
        """The request; one text, or one list of tokens, is a list of one."""
        inputs = data["inputs"]
        is_one = isinstance(inputs, str) or isinstance(inputs[0], int | float)
        return Asked(
            data["model"],
            [each if isinstance(each, str) else _tokens(each) for each in ([inputs] if is_one else inputs)],
            data["dimensions"],
            base64=data["encoding_format"] == BASE64,
        )


def _tokens(given: list[Any]) -> list[int]:
    """Tokens as whole numbers: to JSON Schema 7.0 is one, too."""
    return [int(each) for each in given]


asked = AskedSchema()
