"""Capabilities of roles, and of the caller."""

from typing import Any

from echo.access.audit import Actor
from echo.handling.caller import Caller, ClientInfo
from echo.handling.paging import Window
from echo.services import Services
from handlers.librechat.schemas import admin as schemas

Json = dict[str, Any]


def list_grants(services: Services, caller: Caller, *, limit: int, offset: int) -> Json:
    """Grants to roles."""
    window = Window.within(offset, limit)
    found = services.administration.grants.list_page(caller.id, window.offset, window.limit)
    return schemas.page("grants", schemas.grant, found, window)


def list_effective_capabilities(services: Services, caller: Caller) -> Json:
    """What the caller may do."""
    return {"capabilities": services.administration.grants.effective(caller.id)}


def list_principal_grants(services: Services, *, principal_type: str, principal_id: str) -> Json:
    """Grants to one role."""
    return {"grants": schemas.grant.dump_all(services.administration.grants.of_role(principal_id))}


def assign_grant(services: Services, caller: Caller, client: ClientInfo, *, body: Json) -> Json:
    """Grant a capability to a role."""
    actor = Actor(caller, client)
    given = services.administration.grants.give(actor, body["principalId"], body["capability"])
    return {"grant": schemas.grant.dump_one(given)}


def revoke_grant(
    services: Services,
    caller: Caller,
    client: ClientInfo,
    *,
    principal_type: str,
    principal_id: str,
    capability: str,
) -> Json:
    """Take a capability from a role."""
    services.administration.grants.take(Actor(caller, client), principal_id, capability)
    return {"success": True}
