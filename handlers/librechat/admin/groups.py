"""All groups of users."""

from typing import Any

from echo.access.audit import Actor
from echo.handling.caller import Caller, ClientInfo
from echo.handling.paging import Window
from echo.services import Services
from handlers.librechat.schemas import admin as schemas

Json = dict[str, Any]


def list_groups(
    services: Services, *, limit: int, offset: int, search: str | None = None, source: str | None = None
) -> Json:
    """Groups by name."""
    window = Window.within(offset, limit)
    found = services.administration.groups.list_page(
        text=search, source=source, offset=window.offset, limit=window.limit
    )
    return schemas.page("groups", schemas.group, found, window)


def create_group(services: Services, caller: Caller, client: ClientInfo, *, body: Json) -> Json:
    """A new group."""
    given, members = schemas.new_group.load(body), body.get("memberIds", [])
    return _answer(services.administration.groups.create(Actor(caller, client), given, members))


def get_group(services: Services, *, user_group_id: str) -> Json:
    """One group."""
    return _answer(services.administration.groups.get(user_group_id))


def update_group(
    services: Services, caller: Caller, client: ClientInfo, *, user_group_id: str, body: Json
) -> Json:
    """Change what is said of a group."""
    change = schemas.group_change.load(body)
    return _answer(services.administration.groups.describe(Actor(caller, client), user_group_id, change))


def delete_group(services: Services, caller: Caller, client: ClientInfo, *, user_group_id: str) -> Json:
    """Remove a group."""
    services.administration.groups.delete(Actor(caller, client), user_group_id)
    return {"success": True, "id": user_group_id}


def list_group_members(services: Services, *, user_group_id: str, limit: int, offset: int) -> Json:
    """Members of a group."""
    window = Window.within(offset, limit)
    found = services.administration.groups.members(user_group_id, window.offset, window.limit)
    return schemas.page("members", schemas.member, found, window)


def add_group_member(
    services: Services, caller: Caller, client: ClientInfo, *, user_group_id: str, body: Json
) -> Json:
    """Add a user to a group."""
    actor = Actor(caller, client)
    return _answer(services.administration.groups.add_member(actor, user_group_id, body["userId"]))


def remove_group_member(
    services: Services, caller: Caller, client: ClientInfo, *, user_group_id: str, member_id: str
) -> Json:
    """Remove somebody from a group."""
    services.administration.groups.remove_member(Actor(caller, client), user_group_id, member_id)
    return {"success": True}


def _answer(group: Json) -> Json:
    return {"group": schemas.group.dump_one(group)}
