"""Presets with all that LibreChat keeps in them."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.librechat.schemas import presets as schemas
from handlers.paging import all_items

Json = dict[str, Any]


def list_presets(services: Services, caller: Caller) -> list[Json] | JsonItems:
    """All presets of the caller, the default one first."""
    return all_items(schemas.preset, services.library.presets.list(caller.id))


def save_preset(services: Services, caller: Caller, *, body: Json) -> Json:
    """Change the preset that is named, if it is the caller's, or keep a new one."""
    saved = services.library.presets.save(
        caller.id,
        body.get("presetId"),
        schemas.read_saved(body),
        is_default=body.get("defaultPreset"),
    )
    return schemas.preset.dump_one(saved)
