"""Settings: from the environment, `.env` and `librechat.yaml`, under LibreChat's names where it has one."""

from echo.settings.connections import ConnectionLimits
from echo.settings.endpoints import AzureDeployment, ProviderLimits, ProviderSettings
from echo.settings.load import data_dir_of, load_settings
from echo.settings.model import (
    ClientSettings,
    FileRules,
    MailgunSettings,
    MailSettings,
    ModerationSettings,
    Settings,
    SmtpSettings,
    SpeechSettings,
)
from echo.settings.rate_limits import RateLimit, ViolationSettings
from echo.settings.reader import ConfigFileError, SettingsError

__all__ = [
    "AzureDeployment",
    "ClientSettings",
    "ConfigFileError",
    "ConnectionLimits",
    "FileRules",
    "MailSettings",
    "MailgunSettings",
    "ModerationSettings",
    "ProviderLimits",
    "ProviderSettings",
    "RateLimit",
    "Settings",
    "SettingsError",
    "SmtpSettings",
    "SpeechSettings",
    "ViolationSettings",
    "data_dir_of",
    "load_settings",
]
