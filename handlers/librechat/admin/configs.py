"""Overrides of the configuration, for everybody or for some."""

from typing import Any

from echo.access.audit import Actor
from echo.admin.configs import Whom
from echo.handling.caller import Caller, ClientInfo
from echo.services import Services
from handlers.librechat.schemas import admin as schemas

Json = dict[str, Any]


def list_configs(services: Services, caller: Caller) -> Json:
    """All overrides."""
    return {"configs": schemas.config.dump_all(services.administration.configs.list(caller.id))}


def get_base_config(services: Services, caller: Caller, *, base_only: bool) -> Json:
    """The configuration as a whole."""
    return {"config": services.administration.configs.base(caller.id, only_file=base_only)}


def get_config_overrides(
    services: Services, caller: Caller, *, principal_type: str, principal_id: str
) -> Json:
    """Overrides for one."""
    return _answer(services.administration.configs.get(caller.id, Whom(principal_type, principal_id)))


def put_config_overrides(
    services: Services,
    caller: Caller,
    client: ClientInfo,
    *,
    principal_type: str,
    principal_id: str,
    body: Json,
) -> tuple[Json, int]:
    """Replace the overrides for one."""
    stored, is_new = services.administration.configs.put(
        Actor(caller, client), Whom(principal_type, principal_id), body["overrides"], body.get("priority")
    )
    return _answer(stored), 201 if is_new else 200


def delete_config_overrides(
    services: Services, caller: Caller, client: ClientInfo, *, principal_type: str, principal_id: str
) -> Json:
    """Remove the overrides for one."""
    services.administration.configs.delete(Actor(caller, client), Whom(principal_type, principal_id))
    return {"success": True}


def activate_config(
    services: Services,
    caller: Caller,
    client: ClientInfo,
    *,
    principal_type: str,
    principal_id: str,
    body: Json,
) -> Json:
    """Switch the overrides for one on or off."""
    whom, active = Whom(principal_type, principal_id), body["isActive"]
    return _answer(services.administration.configs.activate(Actor(caller, client), whom, active=active))


def patch_config_fields(
    services: Services,
    caller: Caller,
    client: ClientInfo,
    *,
    principal_type: str,
    principal_id: str,
    body: Json,
) -> Json:
    """Set values at paths."""
    entries = [(each["fieldPath"], each["value"]) for each in body["entries"]]
    changed = services.administration.configs.patch(
        Actor(caller, client), Whom(principal_type, principal_id), entries, body.get("priority")
    )
    return _answer(changed)


def unset_config_field(
    services: Services,
    caller: Caller,
    client: ClientInfo,
    *,
    principal_type: str,
    principal_id: str,
    field_path: str,
) -> Json:
    """Let a path be what it is without the overrides."""
    whom = Whom(principal_type, principal_id)
    return _answer(services.administration.configs.unset(Actor(caller, client), whom, field_path))


def bury_config_field(
    services: Services,
    caller: Caller,
    client: ClientInfo,
    *,
    principal_type: str,
    principal_id: str,
    body: Json,
) -> Json:
    """Take away what is at a path."""
    changed = services.administration.configs.bury(
        Actor(caller, client), Whom(principal_type, principal_id), body["fieldPath"], body.get("priority")
    )
    return _answer(changed)


def _answer(config: Json) -> Json:
    return {"config": schemas.config.dump_one(config)}
