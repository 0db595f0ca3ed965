"""Agents as models, in LibreChat's shape."""

from datetime import datetime
from typing import Any

from marshmallow import fields

from handlers.schemas.base import Output, Text


class Made(fields.Field[int]):
    """When something was made, in seconds, as OpenAI counts them."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return int(value.timestamp()) if isinstance(value, datetime) else 0


class Root(fields.Field[str]):
    """What a model was made of: itself."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return str(obj.get("id"))


class AgentModelSchema(Output):
    """A document of `agents` as a model."""

    id = Text()
    object = Text(dump_default="model")
    created = Made(attribute="createdAt", dump_default=0)
    owned_by = Text(dump_default="librechat")
    root = Root(dump_default="")
    name = Text()
    description = Text()
    provider = Text()


model = AgentModelSchema()
