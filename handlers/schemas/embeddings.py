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
        given = data["inputs"]
        is_one = isinstance(given, str) or isinstance(given[0], int | float)
        inputs: list[Any] = [_whole(each) for each in ([given] if is_one else given)]
        return Asked(
            data["model"],
            inputs,
            data["dimensions"],
            base64=data["encoding_format"] == BASE64,
        )


def _whole(given: str | list[Any]) -> str | list[int]:
    """A text, or tokens as whole numbers: to JSON Schema 7.0 is one, too."""
    return given if isinstance(given, str) else [int(each) for each in given]


asked = AskedSchema()
