"""What a client is told when it starts."""

from dataclasses import dataclass
from typing import Any

from echo.settings import Settings


@dataclass(frozen=True, eq=False)
class Startup:
    """The settings that clients may know, by the contract's names for them; one object for the life of a process.

    It goes by its identity, so that what is made of it can be remembered.
    """

    anyone: dict[str, Any]
    signed_in: dict[str, Any]


def read_startup(settings: Settings) -> Startup:
    """What anyone is told, and what those who have logged in are."""
    client = settings.client
    anyone = {
        "app_title": settings.app_title,
        "domain_server": settings.domain_server,
        "allow_registration": settings.allow_registration,
        "allow_email_login": settings.allow_email_login,
        "min_password_length": settings.min_password_length,
        "interface": client.anyone or None,
    }
    signed_in = {
        **anyone,
        "interface": client.interface,
        "model_specs": client.model_specs,
        "balance": client.balance,
        "custom_footer": client.custom_footer,
        "help_url": client.help_url,
        "publicSharedLinksEnabled": False,
        "allowAccountDeletion": False,
    }
    return Startup(anyone, signed_in)
