"""The keys of providers that users bring."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import keys as schemas


def get_user_key(services: Services, caller: Caller, *, name: str) -> dict[str, Any]:
    """Whether there is a key, and until when; never the key itself."""
    return schemas.expiry.dump_one({"expiresAt": services.accounts.keys.expiry(caller.id, name)})


def put_user_key(services: Services, caller: Caller, *, body: dict[str, Any]) -> None:
    """Keep a key."""
    services.accounts.keys.put(caller.id, **schemas.new_key.load(body))


def delete_user_key(services: Services, caller: Caller, *, name: str) -> None:
    """Delete a key, if there is one."""
    services.accounts.keys.delete(caller.id, name)


def delete_user_keys(services: Services, caller: Caller, *, all_: bool) -> None:
    """Delete all keys of the caller; the contract takes `all` only as true."""
    services.accounts.keys.delete_all(caller.id)
