"""Settings: from the environment, `.env` and `librechat.yaml`, under LibreChat's names where it has one."""

from echo.settings.load import load_settings
from echo.settings.model import (
    AzureDeployment,
    ClientSettings,
    ConnectionLimits,
    FileRules,
    ProviderLimits,
    ProviderSettings,
    RateLimit,
    Settings,
    SpeechSettings,
)
from echo.settings.reader import ConfigFileError, SettingsError

__all__ = [
    "AzureDeployment",
    "ClientSettings",
    "ConfigFileError",
    "ConnectionLimits",
    "FileRules",
    "ProviderLimits",
    "ProviderSettings",
    "RateLimit",
    "Settings",
    "SettingsError",
    "SpeechSettings",
    "load_settings",
]
