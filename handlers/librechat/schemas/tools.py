"""What tools gave, as LibreChat's client reads it."""

from typing import Any

from marshmallow import fields, missing

from echo.tools.code.calls import unknown_tool
from echo.tools.web.services import Plan
from handlers.schemas.base import Identifier, Moment, Output, Text, Whole

SYSTEM = "system_defined"


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


def search_auth(plan: Plan) -> dict[str, Any]:
    """Whether the web can be searched, and whose keys each part of it uses or needs."""
    return {"authenticated": plan.is_complete, "authTypes": plan.told}


def auth_of(tool: str, *, runs_code: bool) -> dict[str, Any]:
    """Whether another tool can be used: code is run where the operator has a service for it. Raises `NotFound`."""
    if tool == "execute_code":
        return {"authenticated": runs_code, "message": SYSTEM}
    raise unknown_tool()


tool_call = ToolCallSchema()
