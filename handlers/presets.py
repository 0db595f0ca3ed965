"""Presets: named sets of parameters for new conversations."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.paging import all_items
from handlers.schemas import presets as schemas

Json = dict[str, Any]


def list_presets(services: Services, caller: Caller) -> list[Json] | JsonItems:
    """All presets of the caller."""
    return all_items(schemas.preset, services.library.presets.list(caller.id))


def create_preset(services: Services, caller: Caller, *, body: Json) -> Json:
    """Keep a preset."""
    return schemas.preset.dump_one(services.library.presets.create(caller.id, schemas.new_preset.load(body)))


def delete_presets(services: Services, caller: Caller, *, body: Json) -> Json:
    """Delete the named preset, or without a name all of the caller's, as LibreChat does."""
    if "presetId" in body:
        deleted = services.library.presets.delete(caller.id, body["presetId"])
    else:
        deleted = services.library.presets.delete_all(caller.id)
    return {"acknowledged": True, "deletedCount": deleted}
