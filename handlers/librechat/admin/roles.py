"""All roles of users, and who has them."""

from typing import Any

from echo.access.audit import Actor
from echo.handling.caller import Caller, ClientInfo
from echo.handling.paging import Window
from echo.services import Services
from handlers.librechat.schemas import admin as schemas
from handlers.librechat.schemas import roles

Json = dict[str, Any]


def list_roles(services: Services, *, limit: int, offset: int) -> Json:
    """Roles by name."""
    window = Window.within(offset, limit)
    found = services.administration.roles.list_page(window.offset, window.limit)
    return schemas.page("roles", roles.role_name, found, window)


def create_role(services: Services, caller: Caller, client: ClientInfo, *, body: Json) -> Json:
    """A new role."""
    made = services.administration.roles.create(
        Actor(caller, client), body["name"], body.get("description", ""), body.get("permissions", {})
    )
    return _answer(made)


def get_admin_role(services: Services, *, role_name: str) -> Json:
    """One role."""
    return _answer(services.administration.roles.get(role_name))


def update_role(
    services: Services, caller: Caller, client: ClientInfo, *, role_name: str, body: Json
) -> Json:
    """Rename a role, or describe it otherwise."""
    changed = services.administration.roles.update(
        Actor(caller, client), role_name, body.get("name"), body.get("description")
    )
    return _answer(changed)


def delete_role(services: Services, caller: Caller, client: ClientInfo, *, role_name: str) -> Json:
    """Remove a role."""
    services.administration.roles.delete(Actor(caller, client), role_name)
    return {"success": True}


def change_role_permissions(
    services: Services, caller: Caller, client: ClientInfo, *, role_name: str, body: Json
) -> Json:
    """Set permissions of a role."""
    actor, permissions = Actor(caller, client), body["permissions"]
    return _answer(services.administration.roles.change_permissions(actor, role_name, permissions))


def list_role_members(services: Services, *, role_name: str, limit: int, offset: int) -> Json:
    """Users of a role."""
    window = Window.within(offset, limit)
    found = services.administration.roles.members(role_name, window.offset, window.limit)
    return schemas.page("members", schemas.member, found, window)


def add_role_member(
    services: Services, caller: Caller, client: ClientInfo, *, role_name: str, body: Json
) -> Json:
    """Give a role to a user."""
    services.administration.roles.add_member(Actor(caller, client), role_name, body["userId"])
    return {"success": True}


def remove_role_member(
    services: Services, caller: Caller, client: ClientInfo, *, role_name: str, account_id: str
) -> Json:
    """Take a role from a user."""
    services.administration.roles.remove_member(Actor(caller, client), role_name, account_id)
    return {"success": True}


def _answer(role: Json) -> Json:
    return {"role": roles.role.dump_one(role)}
