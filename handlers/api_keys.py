"""API keys, with which programs come to `/v1`."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import api_keys as schemas

Json = dict[str, Any]


def list_api_keys(services: Services, caller: Caller) -> Json:
    """All keys of the caller; what opens something is not among it."""
    return {"keys": schemas.api_key.dump_all(services.accounts.api_keys.list(caller.id))}


def create_api_key(services: Services, caller: Caller, *, body: Json) -> Json:
    """A new key, shown this once."""
    made = services.accounts.api_keys.create(caller.id, **schemas.new_api_key.load(body))
    return {**schemas.api_key.dump_one(made.document), "key": made.key}


def get_api_key(services: Services, caller: Caller, *, api_key_id: str) -> Json:
    """One key, with what it has used."""
    return schemas.api_key.dump_one(services.accounts.api_keys.get(caller.id, api_key_id))


def update_api_key(services: Services, caller: Caller, *, api_key_id: str, body: Json) -> Json:
    """Change the fields of a key that are sent."""
    changes = schemas.api_key_change.load(body)
    return schemas.api_key.dump_one(services.accounts.api_keys.change(caller.id, api_key_id, changes))


def delete_api_key(services: Services, caller: Caller, *, api_key_id: str) -> None:
    """Delete a key: whoever comes with it is refused."""
    services.accounts.api_keys.delete(caller.id, api_key_id)
