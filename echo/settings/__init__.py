"""Settings: from the environment, `.env` and `librechat.yaml`, under LibreChat's names where it has one."""

from echo.settings.endpoints import AzureDeployment, ProviderLimits, ProviderSettings
from echo.settings.load import data_dir_of, load_settings
from echo.settings.model import (
    ClientSettings,
    ConnectionLimits,
    FileRules,
    MailgunSettings,
    MailSettings,
    ModerationSettings,
    RateLimit,
    Settings,
    SmtpSettings,
    SpeechSettings,
    ViolationSettings,
)
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
