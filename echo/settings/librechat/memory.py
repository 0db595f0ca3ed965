"""`memory` of `librechat.yaml`; what it says of permissions is in `permissions.py`."""

from echo.settings.librechat.config import ConfigFile
from echo.settings.model import MemorySettings


def read_memory(config: ConfigFile) -> MemorySettings:
    """The section's limits; LibreChat's where it names none."""
    said = config.section("memory")
    return MemorySettings(
        enabled=not said.get("disabled", False),
        asked_for=bool(said) and not said.get("disabled", False),
        char_limit=int(said.get("charLimit") or MemorySettings.char_limit),
        keys=tuple(said.get("validKeys") or ()),
        token_limit=int(said["tokenLimit"]) if said.get("tokenLimit") else None,
    )
