"""`endpoints.agents` of `librechat.yaml`."""

from echo.settings.endpoints import normal_name
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.fields import whole
from echo.settings.model import AgentSettings


def read_agents(config: ConfigFile) -> AgentSettings:
    """What agents may be. As in LibreChat an empty list of providers allows all."""
    said = config.section("endpoints").get("agents", {})
    providers = tuple(normal_name(each) for each in said.get("allowedProviders", ()))
    capabilities = said.get("capabilities")
    return AgentSettings(
        show_builder=not said.get("disableBuilder", False),
        providers=providers or None,
        capabilities=None if capabilities is None else tuple(capabilities),
        steps=whole(said.get("recursionLimit")),
        most_steps=whole(said.get("maxRecursionLimit")),
    )
