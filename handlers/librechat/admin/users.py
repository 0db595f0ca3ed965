"""All users of the server."""

from typing import Any

from echo.access.audit import Actor
from echo.handling.caller import Caller, ClientInfo
from echo.handling.paging import Window
from echo.services import Services
from handlers.librechat.schemas import admin as schemas

Json = dict[str, Any]
MAX_FOUND = 50


def list_users(services: Services, *, limit: int, offset: int) -> Json:
    """Users, the newest first."""
    window = Window.within(offset, limit)
    found = services.administration.users.list_page(window.offset, window.limit)
    return schemas.page("users", schemas.user, found, window)


def search_users(services: Services, *, q: str, limit: int) -> Json:
    """Users by a part of a name or an address."""
    most = Window.within(0, limit, MAX_FOUND).limit
    found = services.administration.users.search(q, most)
    return {
        "users": schemas.found_user.dump_all(found),
        "total": len(found),
        "capped": len(found) >= most,
    }


def delete_user(services: Services, caller: Caller, client: ClientInfo, *, account_id: str) -> Json:
    """Remove a user with everything that is theirs."""
    services.administration.users.delete(Actor(caller, client), account_id)
    return {"message": "User deleted successfully"}
