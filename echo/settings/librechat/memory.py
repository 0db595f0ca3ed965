"""`memory` of `librechat.yaml`; what it says of permissions is in `permissions.py`."""

from collections.abc import Mapping
from typing import Any

from echo.settings.agents import MemoryAgent, MemorySettings
from echo.settings.librechat.config import ConfigFile


def read_memory(config: ConfigFile) -> MemorySettings:
    """The section's limits; LibreChat's where it names none."""
    said = config.section("memory")
    return MemorySettings(
        enabled=not said.get("disabled", False),
        asked_for=bool(said) and not said.get("disabled", False),
        char_limit=int(said.get("charLimit") or MemorySettings.char_limit),
        keys=tuple(said.get("validKeys") or ()),
        agent=_agent(config, said.get("agent")),
        window=int(said.get("messageWindowSize") or MemorySettings.window),
        input_tokens=int(said.get("maxInputTokens") or MemorySettings.input_tokens),
        token_limit=int(said["tokenLimit"]) if said.get("tokenLimit") else None,
    )


def _agent(config: ConfigFile, said: Mapping[str, Any] | None) -> MemoryAgent | None:
    if said is None or said.get("enabled") is False:
        return None
    if said.get("id"):
        return MemoryAgent(agent_id=said["id"])
    if not (said.get("provider") and said.get("model")):
        config.refuse(("memory", "agent"), "must have an id, or a provider and a model")
        return None
    temperature = (said.get("model_parameters") or {}).get("temperature")
    return MemoryAgent(
        endpoint=said["provider"],
        model=said["model"],
        instructions=said.get("instructions"),
        temperature=float(temperature) if isinstance(temperature, int | float) else None,
    )
