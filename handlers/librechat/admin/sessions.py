"""Logging in to administer."""

from functools import partial
from typing import Any

from echo.access.capabilities import ACCESS_ADMIN
from echo.handling.caller import Caller, ClientInfo
from echo.services import Services
from handlers.librechat.schemas import users
from handlers.librechat.schemas.sessions import signed_in
from handlers.schemas import auth as schemas

Json = dict[str, Any]
Headers = dict[str, str]


def admin_login(services: Services, client: ClientInfo, *, body: Json) -> tuple[Json, int, Headers]:
    """Begin a session of one who may administer, or half of one where the account has a second factor."""
    credentials = schemas.login.load(body)
    admit = partial(services.capabilities.demand_one, ACCESS_ADMIN)
    login = services.accounts.auth.login
    return signed_in(login(credentials["email"], credentials["password"], client, admit=admit))


def verify_admin(services: Services, caller: Caller) -> Json:
    """The account of the caller, who may administer."""
    return {"user": users.user.dump_one(services.accounts.users.get(caller.id))}
