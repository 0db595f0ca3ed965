"""Roles of users and their permissions."""

from typing import Any

from echo.access.audit import Actor
from echo.handling.caller import Caller, ClientInfo
from echo.services import Services
from handlers.librechat.schemas import roles as schemas

Json = dict[str, Any]


def get_role(services: Services, caller: Caller, *, role_name: str) -> Json:
    """What users of a role may do."""
    return schemas.role.dump_one(services.roles.get(caller, role_name))


def update_role_permissions(
    services: Services,
    caller: Caller,
    client: ClientInfo,
    *,
    role_name: str,
    permission_type: str,
    body: Json,
) -> Json:
    """Change permissions of one type, for administrators."""
    stored = permission_type.replace("-", "_").upper()
    changed = services.roles.change(Actor(caller, client), role_name, stored, body)
    return schemas.role.dump_one(changed)
