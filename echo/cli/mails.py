"""`echo-api mail ...`, and sending a letter from the command line."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echo.cli.accounts import refusals_end
from echo.cli.common import EXIT_CONFIG, EXIT_NO, data_dir_option, fail, json_option, read_settings
from echo.cli.output import show_one

if TYPE_CHECKING:
    from echo.mail import Letter
    from echo.settings import MailSettings, Settings
    from storage.core.database import Database


@click.group()
def mail() -> None:
    """Try the mail server."""


@mail.command()
@click.argument("address")
@json_option
@data_dir_option
def test(*, address: str, as_json: bool, data_dir: Path | None) -> None:
    """Send a test mail to ADDRESS.

    The exit code is 0 when the mail server has taken the mail. Whether it arrives, its inbox says.
    """
    from echo.accounts import letters  # noqa: PLC0415
    from echo.accounts.new_account import normalize_email  # noqa: PLC0415

    settings = read_settings({"data_dir": data_dir})
    if settings.mail is None:
        fail("No mail is sent: set EMAIL_FROM, and EMAIL_HOST, EMAIL_SERVICE or MAILGUN_...", EXIT_CONFIG)
    with refusals_end():
        to = normalize_email(address)
    if problem := send_now(settings.mail, letters.probe(settings.app_title), to):
        fail(f"The mail was not sent: {problem}.", EXIT_NO)
    show_one({"to": to, "from": settings.mail.from_address, "sent": True}, as_json=as_json)


def put_notice(settings: "Settings", database: "Database", kind: str, account: dict[str, Any]) -> None:
    """Have the user told of what was done: the server sends it, once it runs. Nothing where no mail is sent."""
    from storage.accounts.mails import MailRepository  # noqa: PLC0415

    address = account.get("email")
    if settings.mail is not None and isinstance(address, str) and address:
        MailRepository(database).put(kind, address)


def send_now(settings: "MailSettings", letter: "Letter", to: str) -> str | None:
    """Send a letter, and wait for that; what went wrong, if something did."""
    from echo.mail import MailFailure, build_sender, write  # noqa: PLC0415

    try:
        asyncio.run(build_sender(settings).send(write(letter, to, settings)))
    except MailFailure as failure:
        return str(failure)
    except ValueError:
        return "the address is none that a mail can be written to"
    return None
