"""What a prompt and an operator's headers say of the user, of the time and of the message, in LibreChat's words."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from echo.providers.personal import body_values, user_values
from echo.settings import ProviderSettings

VARIABLE = re.compile(r"\{\{(current_date|current_datetime|iso_datetime|current_user)\}\}", re.IGNORECASE)
# A name in the time zone database. It becomes the name of a file: no dots.
ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}", re.ASCII)
# Not of a locale: LibreChat's are English whatever the server speaks.
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Variables:
    """Fills in, for one user and one request; `find_user` is asked only if something needs it, and once."""

    def __init__(
        self,
        find_user: Callable[[], Mapping[str, Any]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._find_user = find_user
        self._now = now

    @cached_property
    def _user(self) -> Mapping[str, Any]:
        return self._find_user()

    def read_user(self) -> None:
        """Read the user now: for who fills in headers later, where nobody may wait for the database."""
        _ = self._user

    def prompt(self, text: str | None, timezone: str | None = None) -> str | None:
        """A prompt with LibreChat's variables: date, time and weekday in that zone, the server's own without one.

        What is filled in is not filled in again, and a user without a name leaves `{{current_user}}` as it is. Other
        words in braces are left alone: LibreChat's clients fill those in.
        """
        if not (text and "{{" in text):
            return text
        moment = self._now()
        local = moment.astimezone(zone_of(timezone))

        def value(found: re.Match[str]) -> str:
            match found[1].lower():
                case "current_date":
                    return f"{local:%Y-%m-%d} ({DAYS[local.weekday()]})"
                case "current_datetime":
                    return f"{local:%Y-%m-%d %H:%M:%S} {offset_of(local)} ({DAYS[local.weekday()]})"
                case "iso_datetime":
                    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
            name = self._user.get("name")
            return name if isinstance(name, str) and name else found[0]

        return VARIABLE.sub(value, text)

    def headers(self, settings: ProviderSettings, **ids: str | None) -> Mapping[str, str]:
        """The values for an endpoint's headers, nothing where it has none with placeholders.

        `ids` are `conversationId`, `parentMessageId` and `messageId`.
        """
        return self.placeholders(**ids) if settings.is_personal else {}

    def placeholders(self, **ids: str | None) -> Mapping[str, str]:
        """LibreChat's placeholders for this user and the message of these ids, for who may need them."""
        return {**user_values(self._user), **body_values(ids)}


def zone_of(name: str | None) -> tzinfo | None:
    """The time zone of that name, None (the server's own) for what is none or not known here."""
    if name is None or not ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None


def offset_of(local: datetime) -> str:
    """How far from UTC, as `+02:00`."""
    text = f"{local:%z}"
    return f"{text[:3]}:{text[3:5]}"
