"""Assistants: OpenAI's shape outside; inside LibreChat's document with the fields that it has no place for."""

from datetime import datetime
from typing import Any

import orjson
from marshmallow import ValidationError, fields, missing

from handlers.schemas.base import Input, Output, Text, Texts

MAX_TOOL_DEPTH = 50


class Tools(fields.Field[list[str]]):
    """A list of free-form objects, kept as JSON text.

    As text a tool is only ever data: its keys may begin with `$` or hold dots (JSON Schema does), which MongoDB
    would take for operators, references and paths.
    """

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list | tuple):
            return missing
        return [orjson.loads(tool) for tool in value if isinstance(tool, str)]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        if _is_deeper(value, MAX_TOOL_DEPTH):
            raise ValidationError("is nested too deeply")
        return [orjson.dumps(tool).decode() for tool in value]


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


class Seconds(fields.Field[datetime]):
    """A time in whole seconds since 1970, as OpenAI gives it."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return int(value.timestamp()) if isinstance(value, datetime) else missing


class AssistantSchema(Output):
    """A document of `assistants` as the contract's Assistant."""

    id = Text(attribute="assistant_id")
    name = Text()
    description = Text()
    model = Text()
    instructions = Text()
    tools = Tools(dump_default=())
    file_ids = Texts(dump_default=())
    created_at = Seconds(attribute="createdAt")


class AssistantChangeSchema(Input):
    """What a client may set, all of it optional, as fields of the document."""

    name = Text()
    description = Text()
    model = Text()
    instructions = Text()
    tools = Tools()
    file_ids = Texts()


assistant = AssistantSchema()
change = AssistantChangeSchema()
