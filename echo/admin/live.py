"""The settings as administrators have changed them, in every worker within seconds."""

from collections.abc import Sequence
from typing import Any

import structlog

from echo.access.capabilities import Capabilities
from echo.access.remembered import Remembered
from echo.settings import Settings
from echo.settings.overrides import Override, applied
from echo.settings.reader import ConfigFileError
from echo.settings.startup import Startup, read_startup
from storage.access.configs import ConfigRepository
from storage.access.principals import ROLE

log = structlog.get_logger(__name__)

# Whom the overrides for everybody are for, in LibreChat's words: a role that nobody has.
BASE = "__base__"
# So many combinations of overrides are kept ready.
MAX_COMBINATIONS = 200
Documents = Sequence[dict[str, Any]]


class LiveSettings:
    """What clients are told, with the overrides for everybody and for the caller's role, groups and person.

    Overrides are read once in three seconds. Those with a higher priority win; one that is wrong has no effect.
    """

    def __init__(
        self, settings: Settings, startup: Startup, configs: ConfigRepository, capabilities: Capabilities
    ) -> None:
        self._settings = settings
        self._startup = startup
        self._configs = configs
        self._capabilities = capabilities
        self._active: Remembered[Documents] = Remembered(1)
        self._ready: dict[tuple[tuple[str, int], ...], tuple[Settings, Startup]] = {}

    def settings(self, user_id: str | None) -> Settings:
        """The settings for a user, or for everybody. Raises `storage.core.errors.Unavailable`."""
        return self._for(user_id)[0]

    def startup(self, user_id: str | None) -> Startup:
        """What is told to a user, or to anyone. Raises `storage.core.errors.Unavailable`."""
        return self._for(user_id)[1]

    def _for(self, user_id: str | None) -> tuple[Settings, Startup]:
        configs = self._applicable(user_id)
        if not configs:
            return self._settings, self._startup
        key = tuple((str(each["_id"]), int(each.get("configVersion") or 0)) for each in configs)
        if (known := self._ready.get(key)) is None:
            if len(self._ready) >= MAX_COMBINATIONS:
                self._ready.clear()
            changed = self.settings_with(configs)
            known = self._ready[key] = changed, read_startup(changed)
        return known

    def settings_with(self, configs: Documents) -> Settings:
        """The settings with these overrides over them."""
        settings, overrides = self._settings, list[Override]()
        for config in configs:
            try:
                settings = applied(self._settings, [*overrides, override_in(config)])
            except ConfigFileError as error:
                log.warning(
                    "overrides of the configuration are wrong", id=str(config["_id"]), reason=str(error)
                )
            else:
                overrides.append(override_in(config))
        return settings

    def forget(self) -> None:
        """Overrides were changed here: this process shall know at once."""
        self._active.forget()

    def _applicable(self, user_id: str | None) -> Documents:
        active = self._active.get("", lambda: self._configs.list(only_active=True))
        base = [each for each in active if _is_base(each)]
        if user_id is None or len(base) == len(active):
            return base
        principals = {(each.type, str(each.id)) for each in self._capabilities.principals(user_id)}
        return [
            each
            for each in active
            if _is_base(each) or (each.get("principalType"), each.get("principalId")) in principals
        ]


def override_in(config: dict[str, Any]) -> Override:
    """The override that a stored document is, whatever is in it."""
    values, paths = config.get("overrides"), config.get("tombstones")
    return Override(
        values if isinstance(values, dict) else {},
        [each for each in paths if isinstance(each, str)] if isinstance(paths, list) else [],
    )


def _is_base(config: dict[str, Any]) -> bool:
    return config.get("principalType") == ROLE and config.get("principalId") == BASE
