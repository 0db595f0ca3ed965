"""Mail: does what takes it away answer, and take the login?"""

import asyncio
from collections.abc import Iterator

from echo.doctor.findings import Examined, Finding, failed, ok, skipped, warning
from echo.mail import MailFailure, build_sender
from echo.settings import MailgunSettings

ABOUT = "mail"


def check_mail(examined: Examined) -> Iterator[Finding]:
    """Connect, greet and log in; nothing is sent."""
    if examined.settings is None:
        yield skipped(ABOUT, "see the settings above")
        return
    mail = examined.settings.mail
    if mail is None:
        yield skipped(ABOUT, "nothing is set up: no mail is sent")
        return
    if examined.offline:
        yield skipped(ABOUT, "the mail server is not asked")
        return
    try:
        yield ok(ABOUT, asyncio.run(build_sender(mail).probe()))
    except MailFailure as failure:
        if isinstance(mail.sender, MailgunSettings):
            # Keys that may only send are refused here, and work.
            yield warning(ABOUT, str(failure), "Try `echo-api mail test ADDRESS`.")
        else:
            todo = "Check EMAIL_HOST, EMAIL_PORT, EMAIL_ENCRYPTION and the login; without it no link arrives."
            yield failed(ABOUT, str(failure), todo)
