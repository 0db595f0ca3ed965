"""What users have put where: favourites, and the order of pinned conversations."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.librechat.schemas import users as schemas

Json = dict[str, Any]


def list_favorites(services: Services, caller: Caller) -> list[Json]:
    """The caller's favourites."""
    return _favorites(services.accounts.users.get(caller.id))


def put_favorites(services: Services, caller: Caller, *, body: Json) -> list[Json]:
    """Replace the caller's favourites."""
    entries = [schemas.new_favorite.load(each) for each in body["favorites"]]
    return _favorites(services.accounts.preferences.put_favorites(caller.id, entries))


def list_tool_favorites(services: Services, caller: Caller) -> list[Json]:
    """What the caller has marked among tools, MCP servers and skills."""
    return schemas.tool_favorite.dump_all(services.accounts.tool_favorites.list(caller.id))


def add_tool_favorite(services: Services, caller: Caller, *, item_type: str, item_id: str) -> Json:
    """Mark an item."""
    services.accounts.tool_favorites.add(caller.id, item_type, item_id)
    return {"itemType": item_type, "itemId": item_id}


def remove_tool_favorite(services: Services, caller: Caller, *, item_type: str, item_id: str) -> Json:
    """Take a mark away."""
    services.accounts.tool_favorites.remove(caller.id, item_type, item_id)
    return {"ok": True}


def get_pinned_order(services: Services, caller: Caller) -> list[str]:
    """The order of the caller's favourites and pinned conversations."""
    return _order(services.accounts.users.get(caller.id))


def put_pinned_order(services: Services, caller: Caller, *, body: Json) -> list[str]:
    """Replace the order of the caller's favourites and pinned conversations."""
    return _order(services.accounts.preferences.put_pinned_order(caller.id, body["pinnedOrder"]))


def _favorites(user: Json) -> list[Json]:
    favorites: list[Json] = schemas.user.dump_one(user)["favorites"]
    return favorites


def _order(user: Json) -> list[str]:
    keys: list[str] = schemas.pinned_order.dump_one(user)["pinnedOrder"]
    return keys
