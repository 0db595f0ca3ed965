"""What tools gave, as LibreChat's client reads it."""

from typing import Any

from marshmallow import fields, missing

from echo.errors import NotFound
from handlers.schemas.base import Identifier, Moment, Output, Text, Whole

SYSTEM = "system_defined"
# LibreChat's parts of searching the web.
SEARCH = ("providers", "scrapers", "rerankers")


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


def auth_of(tool: str) -> dict[str, Any]:
    """Whether a tool can be used: the ones that LibreChat's client asks for cannot; raises `NotFound` for others."""
    if tool == "web_search":
        return {"authenticated": False, "authTypes": [[part, SYSTEM] for part in SEARCH]}
    if tool == "execute_code":
        return {"authenticated": False, "message": SYSTEM}
    raise NotFound("This server does not have that tool.", code="unknown_tool")


tool_call = ToolCallSchema()
