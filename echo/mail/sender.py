"""What takes mails away: a mail server, or Mailgun's API."""

from email.message import EmailMessage
from typing import Protocol

from echo.settings import MailgunSettings, MailSettings

# For one mail, from the name server to the last answer.
SECONDS = 60.0


class MailFailure(Exception):
    """A mail was not taken. The text is in our own words, and never holds a secret; `final` says not to try again."""

    def __init__(self, what: str, *, final: bool = False) -> None:
        super().__init__(what)
        self.final = final


class Sender(Protocol):
    """One way to send; both raise `MailFailure` and nothing else, within a minute."""

    async def send(self, message: EmailMessage) -> None:
        """Hand over a message for the address that it is to."""

    async def probe(self) -> str:
        """Try the way without sending; what was found to be well, in a sentence's part."""


def build_sender(settings: MailSettings) -> Sender:
    """The way that the settings name; nothing is contacted."""
    # Imported here: who sends no mail needs neither.
    if isinstance(settings.sender, MailgunSettings):
        from echo.mail.mailgun import Mailgun  # noqa: PLC0415

        return Mailgun(settings.sender)
    from echo.mail.letter import sender_domain  # noqa: PLC0415
    from echo.mail.smtp import Smtp  # noqa: PLC0415

    return Smtp(settings.sender, settings.from_address, sender_domain(settings))
