"""Users, groups, roles, grants, overrides and the audit log, as LibreChat's admin panel reads and writes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields

from echo.admin.members import Page
from echo.handling.paging import Window
from handlers.schemas.base import Flag, Identifier, Input, Moment, Number, Output, Plain, Text, Texts, Whole

Json = dict[str, Any]


class UserSchema(Output):
    """A document of `users` in the list of all."""

    id = Identifier(attribute="_id")
    name = Text(dump_default="")
    username = Text(dump_default="")
    email = Text(dump_default="")
    avatar = Text(dump_default="")
    role = Text(dump_default="USER")
    provider = Text(dump_default="local")
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class FoundUserSchema(Output):
    """One who was looked for."""

    id = Identifier(attribute="_id")
    name = Text(dump_default="")
    email = Text(dump_default="")
    username = Text()
    avatar_url = Text(data_key="avatarUrl", attribute="avatar")


class MemberSchema(Output):
    """A member of a role or a group."""

    user_id = Identifier(data_key="userId", attribute="_id")
    name = Text(dump_default="")
    email = Text(dump_default="")
    avatar_url = Text(data_key="avatarUrl", attribute="avatar")


class GroupSchema(Output):
    """A document of `groups`."""

    _id = Identifier()
    name = Text(dump_default="")
    description = Text()
    email = Text()
    avatar = Text()
    source = Text(dump_default="local")
    id_on_the_source = Text(data_key="idOnTheSource")
    member_ids = Texts(data_key="memberIds", dump_default=())
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class GrantSchema(Output):
    """A document of `systemgrants`."""

    _id = Identifier()
    principal_type = Text(data_key="principalType", dump_default="role")
    principal_id = Identifier(data_key="principalId", dump_default="")
    capability = Text(dump_default="")
    granted_by = Identifier(data_key="grantedBy")
    granted_at = Moment(data_key="grantedAt")
    expires_at = Moment(data_key="expiresAt")
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class ConfigSchema(Output):
    """A document of `configs`, without its secrets already."""

    _id = Identifier()
    principal_type = Text(data_key="principalType", dump_default="role")
    principal_id = Identifier(data_key="principalId", dump_default="")
    principal_model = Text(data_key="principalModel")
    priority = Number(dump_default=10)
    overrides = Plain(dict, dump_default={})
    tombstones = Texts(dump_default=())
    is_active = Flag(data_key="isActive", dump_default=True)
    config_version = Whole(data_key="configVersion")
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


class PartySchema(Output):
    """Actor or target of an entry."""

    type = Text(dump_default="")
    id = Text()
    name = Text()


class ContextSchema(Output):
    """From where something was done."""

    request_id = Text(data_key="requestId")
    ip = Text()
    user_agent = Text(data_key="userAgent")
    session_id = Text(data_key="sessionId")


class EntrySchema(Output):
    """A document of `auditlogs`."""

    id = Identifier(attribute="_id")
    schema_version = Whole(data_key="schemaVersion", dump_default=1)
    category = Text(dump_default="")
    action = Text(dump_default="")
    outcome = Text(dump_default="")
    severity = Text(dump_default="")
    timestamp = Moment(attribute="createdAt")


class NewGroupSchema(Input):
    """A group to make."""

    name = fields.String(required=True)
    description = fields.String()
    email = fields.String()
    avatar = fields.String()
    source = fields.String(load_default="local")
    id_on_the_source = fields.String(data_key="idOnTheSource", attribute="idOnTheSource")


class GroupChangeSchema(Input):
    """What is to be changed of a group."""

    name = fields.String()
    description = fields.String()
    email = fields.String()
    avatar = fields.String()


user = UserSchema()
found_user = FoundUserSchema()
member = MemberSchema()
group = GroupSchema()
grant = GrantSchema()
config = ConfigSchema()
new_group = NewGroupSchema()
group_change = GroupChangeSchema()
_party, _context, _entry = PartySchema(), ContextSchema(), EntrySchema()


def page(name: str, schema: Output, found: Page, window: Window) -> Json:
    """A page of a list under its name."""
    return {
        name: schema.dump_all(found.items),
        "total": found.total,
        "limit": window.limit,
        "offset": window.offset,
    }


def entry(document: Mapping[str, Any]) -> Json:
    """An entry of the audit log, as the panel's strict reader takes it."""
    actor, target = _party.dump_one(_object(document, "actor")), _party.dump_one(_object(document, "target"))
    metadata, context = _object(document, "metadata"), _context.dump_one(_object(document, "context"))
    simple = {
        name: value
        for name, value in metadata.items()
        if value is None or isinstance(value, str | int | float)
    }
    return {
        **_entry.dump_one(document),
        "actor": {"name": "", **actor},
        "target": target,
        **({"metadata": simple} if simple else {}),
        **({"context": context} if context else {}),
        "integrity": {
            "seq": int(document.get("seq") or 0),
            "hash": str(document.get("hash") or ""),
            "prevHash": str(document.get("prevHash") or ""),
        },
    }


def entries(documents: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Entries in their order."""
    return [entry(each) for each in documents]


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}
