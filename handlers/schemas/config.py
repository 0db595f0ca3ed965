"""The start-up configuration."""

from functools import lru_cache
from typing import Any

from marshmallow import fields

from echo.settings.startup import Startup
from handlers.schemas.base import Output, Text, Texts, Whole


class Passed(fields.Field[Any]):
    """What the operator wrote for clients, as it stands."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class ConfigSchema(Output):
    """A part of `Startup` as the contract's StartupConfig; what Echo does not do is off, whatever is configured."""

    app_title = Text(data_key="appTitle", attribute="app_title")
    server_domain = Text(data_key="serverDomain", attribute="domain_server")
    registration_enabled = fields.Boolean(data_key="registrationEnabled", attribute="allow_registration")
    email_login_enabled = fields.Boolean(data_key="emailLoginEnabled", attribute="allow_email_login")
    social_login_enabled = fields.Boolean(data_key="socialLoginEnabled", attribute="social_login_enabled")
    social_logins = Texts(data_key="socialLogins", attribute="social_logins")
    password_reset_enabled = fields.Boolean(
        data_key="passwordResetEnabled", attribute="password_reset_enabled"
    )
    email_enabled = fields.Boolean(data_key="emailEnabled", attribute="email_enabled")
    shared_links_enabled = fields.Boolean(data_key="sharedLinksEnabled", dump_default=False)
    public_shared_links_enabled = fields.Boolean(data_key="publicSharedLinksEnabled")
    allow_account_deletion = fields.Boolean(data_key="allowAccountDeletion")
    min_password_length = Whole(data_key="minPasswordLength", attribute="min_password_length")
    custom_footer = Text(data_key="customFooter", attribute="custom_footer")
    help_url = Text(data_key="helpAndFaqURL", attribute="help_url")
    interface = Passed()
    model_specs = Passed(data_key="modelSpecs", attribute="model_specs")
    balance = Passed()


_SCHEMA = ConfigSchema()


@lru_cache(maxsize=64)
def config(startup: Startup, *, signed_in: bool) -> dict[str, Any]:
    """The object, made once: it is asked for at every start of every client."""
    return _SCHEMA.dump_one(startup.signed_in if signed_in else startup.anyone)
