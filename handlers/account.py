"""The caller's own account: names, password, its end, and everything that is stored about it."""

from typing import Any

from echo.accounts.two_factor import Proof
from echo.handling.caller import Caller
from echo.handling.stream_body import StreamBody
from echo.services import Services
from handlers.schemas import account as schemas
from handlers.schemas import users

Json = dict[str, Any]


def update_current_user(services: Services, caller: Caller, *, body: Json) -> Json:
    """Change name, user name or both."""
    return users.user.dump_one(services.accounts.own_account.rename(caller, body))


def change_password(services: Services, caller: Caller, *, body: Json) -> Json:
    """Set another password; all other sessions end."""
    fields = schemas.password_change.load(body)
    current, new = fields.pop("current_password"), fields.pop("new_password")
    ended = services.accounts.own_account.change_password(caller, current, new, Proof(**fields))
    return {"endedSessions": ended}


def delete_own_account(services: Services, caller: Caller, *, body: Json) -> Json:
    """Remove the account with everything that is its own, by its password or second factor."""
    fields = schemas.proof_of_self.load(body)
    services.accounts.own_account.demand_password(caller, fields.pop("password"))
    services.accounts.deletion.delete(caller, Proof(**fields))
    return {"message": "User deleted"}


def export_account(services: Services, caller: Caller) -> StreamBody:
    """Everything that is stored about the caller, as a zip that is made while it is sent."""
    return services.accounts.own_data.export(caller)
