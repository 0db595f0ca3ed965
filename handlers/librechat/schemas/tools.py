"""What tools gave, as LibreChat's client reads it."""

from typing import Any

from marshmallow import fields, missing

from handlers.schemas.base import Identifier, Moment, Output, Text, Whole


class Anything(fields.Field[Any]):
    """A value of any shape that JSON has."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Objects(fields.Field[Any]):
    """A list of objects; whatever else stands there is left out."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else missing


class ToolCallSchema(Output):
    """A document of `toolcalls`."""

    id_ = Identifier(data_key="_id")
    conversationId = Text(dump_default="")  # noqa: N815 - LibreChat's names
    messageId = Text(dump_default="")  # noqa: N815
    toolId = Text(dump_default="")  # noqa: N815
    user = Identifier()
    result = Anything()
    attachments = Objects()
    blockIndex = Whole()  # noqa: N815
    partIndex = Whole()  # noqa: N815
    createdAt = Moment()  # noqa: N815
    updatedAt = Moment()  # noqa: N815


tool_call = ToolCallSchema()
