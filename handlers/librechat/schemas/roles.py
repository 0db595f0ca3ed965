"""Roles of users, as LibreChat's clients read and write them."""

from typing import Any

from marshmallow import fields, missing

from handlers.schemas.base import Identifier, Output, Text


class Permissions(fields.Field[dict[str, dict[str, bool]]]):
    """Flags by type and name; the service made them, so they have their types."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, dict) else missing


class RoleSchema(Output):
    """A document of `roles`."""

    _id = Identifier()
    name = Text()
    description = Text(dump_default="")
    permissions = Permissions()


class RoleNameSchema(Output):
    """The same without permissions."""

    _id = Identifier()
    name = Text()
    description = Text(dump_default="")


role = RoleSchema()
role_name = RoleNameSchema()
