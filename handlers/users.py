"""The caller's own account."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import users as schemas


def get_current_user(services: Services, caller: Caller) -> dict[str, Any]:
    """The account that the access token belongs to."""
    return schemas.user.dump_one(services.accounts.users.get(caller.id))
