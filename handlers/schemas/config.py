"""The start-up configuration."""

from typing import Any

from marshmallow import Schema, fields


def switched_off(_settings: Any) -> bool:
    """What Echo does not do, whatever the environment says."""
    return False


class ConfigSchema(Schema):
    """`Settings` as the contract's StartupConfig: an allow-list, since settings hold secrets."""

    appTitle = fields.String(attribute="app_title")  # noqa: N815 - the contract's name
    serverDomain = fields.String(attribute="domain_server")  # noqa: N815
    registrationEnabled = fields.Boolean(attribute="allow_registration")  # noqa: N815
    emailLoginEnabled = fields.Boolean(attribute="allow_email_login")  # noqa: N815
    socialLoginEnabled = fields.Function(switched_off)  # noqa: N815
    passwordResetEnabled = fields.Function(switched_off)  # noqa: N815
    sharedLinksEnabled = fields.Function(switched_off)  # noqa: N815


config = ConfigSchema()
