"""`endpoints.agents` and `summarization` of `librechat.yaml`."""

from collections.abc import Mapping
from typing import Any

from echo.settings.agents import AgentSettings, PruningSettings, SummarySettings
from echo.settings.endpoints import normal_name
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.fields import whole

# LibreChat's own: whole files are written by it.
OF_TOOLS = {"create_file": 131_072}


def read_summaries(config: ConfigFile) -> SummarySettings:
    """`summarization`: where the file has it, chats are summarised."""
    said = config.section("summarization")
    return SummarySettings(
        enabled=bool(said) and said.get("enabled", True),
        endpoint=normal_name(said["provider"]) if said.get("provider") else None,
        model=said.get("model") or None,
        prompt=said.get("prompt") or None,
        max_tokens=whole(said.get("maxSummaryTokens")),
        update_prompt=said.get("updatePrompt") or None,
        parameters={name: each for name, each in said.get("parameters", {}).items() if each is not None},
        trigger=_trigger(config, said.get("trigger")),
        reserve=said.get("reserveRatio"),
        retained_turns=whole(said.get("retainRecent", {}).get("turns")),
        retained_tokens=whole(said.get("retainRecent", {}).get("tokens")),
        pruning=_pruning(said.get("contextPruning", {})),
    )


def _whole(value: float | None) -> int | None:
    """A number without its fraction, which may be 0: no limit."""
    return None if value is None else int(value)


def _trigger(config: ConfigFile, said: Mapping[str, Any] | None) -> tuple[str, float] | None:
    if said is None:
        return None
    kind, value = str(said["type"]), float(said["value"])
    place = ("summarization", "trigger", "value")
    if kind == "token_ratio" and value > 1:
        config.refuse(place, "must be a number from 0 to 1")
    if kind != "token_ratio" and (value < 1 or value != int(value)):
        config.refuse(place, "must be a whole number of 1 or more")
    return kind, value


def _pruning(said: Mapping[str, Any]) -> PruningSettings | None:
    """As in LibreChat, nothing unless it is switched on."""
    if not said.get("enabled", False):
        return None
    usual = PruningSettings()
    return PruningSettings(
        kept_answers=int(said.get("keepLastAssistants", usual.kept_answers)),
        trimmed_from=said.get("softTrimRatio", usual.trimmed_from),
        cleared_from=said.get("hardClearRatio", usual.cleared_from),
        least_chars=int(said.get("minPrunableToolChars", usual.least_chars)),
    )


def read_agents(config: ConfigFile) -> AgentSettings:
    """What agents may be. As in LibreChat an empty list of providers allows all."""
    said = config.section("endpoints").get("agents", {})
    providers = tuple(normal_name(each) for each in said.get("allowedProviders", ()))
    capabilities = said.get("capabilities")
    environments = said.get("statefulCodeSessions", {}).get("allowedEnvironments")
    return AgentSettings(
        show_builder=not said.get("disableBuilder", False),
        providers=providers or None,
        capabilities=None if capabilities is None else tuple(capabilities),
        steps=whole(said.get("recursionLimit")),
        most_steps=whole(said.get("maxRecursionLimit")),
        call_bytes=_whole(said.get("maxToolCallArgBytes")),
        call_bytes_of={
            **OF_TOOLS,
            **{name: int(each) for name, each in said.get("maxToolCallArgBytesByTool", {}).items()},
        },
        events=_whole(said.get("maxDeltaEventsPerTurn")),
        code_environments=None if environments is None else tuple(environments),
    )
