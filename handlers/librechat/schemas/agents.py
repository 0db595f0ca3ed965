"""Agents: LibreChat's documents on both sides, but of a client's object only the fields that an editor may set."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import fields, missing, pre_load

from echo.files.cloud.keys import shown_picture
from handlers.schemas.base import Flag, Identifier, Input, Moment, Output, Text, Texts, Whole

Json = dict[str, Any]


class Free(fields.Field[Any]):
    """A value of any shape, as JSON has it: LibreChat's server takes it as it comes, and so do its documents."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return plain(value)


class Object(Free):
    """The same for objects alone."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return plain(value) if isinstance(value, Mapping) else missing


class Strings(Free):
    """An object of texts; what is none in it is left out."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if not isinstance(value, Mapping):
            return missing
        return {str(name): each for name, each in value.items() if isinstance(each, str)}


class Avatar(Strings):
    """Where the picture of an agent is, and in what; of one in a service the address here."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        shown = super()._serialize(value, attr, obj, **kwargs)
        here = shown_picture(shown.get("filepath")) if isinstance(shown, dict) else None
        return {**shown, "filepath": here} if here else shown


class Objects(Free):
    """A list of objects."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            return missing
        return [plain(each) for each in value if isinstance(each, Mapping)]


class Safe(Object):
    """Of the parameters of a model what those may know who only use an agent, as in LibreChat."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        known = value.get("useResponsesApi") if isinstance(value, Mapping) else None
        return {"useResponsesApi": known} if isinstance(known, bool) else {}


class SeenAgentSchema(Output):
    """An agent for those who may use it and not change it: nothing of how it is made."""

    id_ = Identifier(data_key="_id")
    id = Text()
    name = Text()
    description = Text()
    conversation_starters = Texts()
    avatar = Avatar()
    author = Identifier()
    provider = Text()
    model = Text()
    model_parameters: Object = Safe(dump_default={})
    support_contact = Strings()
    owner_contact = Strings()
    is_public = Flag(data_key="isPublic")
    version = Whole()
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class ListedAgentSchema(Output):
    """An agent in a list."""

    id_ = Identifier(data_key="_id")
    id = Text()
    name = Text()
    description = Text()
    avatar = Avatar()
    author = Identifier()
    conversation_starters = Texts()
    category = Text()
    support_contact = Strings()
    owner_contact = Strings()
    is_promoted = Flag()
    is_public = Flag(data_key="isPublic")
    is_editable = Flag(data_key="isEditable")
    updated_at = Moment(data_key="updatedAt")


class AgentSchema(SeenAgentSchema):
    """An agent for those who may change it."""

    instructions = Text()
    model_parameters = Object()
    artifacts = Text()
    recursion_limit = Whole()
    tools = Texts()
    skills = Texts()
    skills_enabled = Flag()
    memory_scope = Text()
    tool_kwargs = Objects()
    actions = Texts()
    author_name = Text(data_key="authorName")
    hide_sequential_outputs = Flag()
    end_after_tools = Flag()
    stateful_code_sessions = Flag()
    stateful_code_environment = Text()
    agent_ids = Texts()
    edges = Objects()
    tool_resources = Object()
    tool_options = Object()
    subagents = Object()
    category = Text()
    is_promoted = Flag()
    mcp_server_names = Texts(data_key="mcpServerNames")
    v = Whole(data_key="__v")


class VersionSchema(Output):
    """A version: whatever was copied of an agent then; of these fields the contract says the type."""

    name = Text()
    instructions = Text()
    updated_at = Moment(data_key="updatedAt")
    updated_by = Identifier(data_key="updatedBy")

    def dump_one(self, document: Mapping[str, Any]) -> Json:
        """The whole of it."""
        typed = {field.data_key or name for name, field in self.dump_fields.items()}
        others = {str(name): plain(value) for name, value in document.items() if name not in typed}
        return {**others, **super().dump_one(document)}


class CategorySchema(Output):
    """A category with how many agents it has; `all` has no number."""

    value = Text()
    label = Text()
    count = Whole()
    description = Text()


class AgentFieldsSchema(Input):
    """What an editor says of an agent; as in LibreChat a null says nothing."""

    name = Text()
    description = Text()
    instructions = Text()
    provider = Text()
    model = Text()
    model_parameters = fields.Dict()
    tools = fields.List(fields.String())
    skills = fields.List(fields.String())
    skills_enabled = Flag()
    memory_scope = Text()
    agent_ids = fields.List(fields.String())
    edges = fields.List(fields.Dict())
    end_after_tools = Flag()
    hide_sequential_outputs = Flag()
    stateful_code_sessions = Flag()
    stateful_code_environment = Text()
    artifacts = Text()
    recursion_limit = Whole()
    conversation_starters = fields.List(fields.String())
    tool_resources = fields.Dict()
    tool_options = fields.Dict()
    subagents = fields.Dict()
    support_contact = fields.Dict()
    category = Text()

    @pre_load
    def drop_nulls(self, data: Json, **_: Any) -> Json:
        """Leave out what says nothing."""
        return {name: value for name, value in data.items() if value is not None}


def changes(body: Json) -> Json:
    """What a change says; a null takes the picture away, which otherwise comes by an operation of its own."""
    loaded: Json = agent_fields.load(body)
    return {**loaded, "avatar": None} if "avatar" in body and body["avatar"] is None else loaded


def plain(value: Any) -> Any:
    """A stored value as JSON has it: dates and ids as texts; a number that is none is null."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return f"{value.isoformat('T', 'milliseconds')[:23]}Z"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


agent = AgentSchema()
seen_agent = SeenAgentSchema()
listed_agent = ListedAgentSchema()
version = VersionSchema()
category = CategorySchema()
agent_fields = AgentFieldsSchema()
