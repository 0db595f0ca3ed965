"""LibreChat's configuration: `librechat.yaml`, and the names of its variables."""

from echo.settings.librechat.config import ConfigFile, named_variables, read_config
from echo.settings.librechat.variables import LIBRECHAT_VARIABLES

__all__ = ["LIBRECHAT_VARIABLES", "ConfigFile", "named_variables", "read_config"]
