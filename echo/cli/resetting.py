"""`echo-api user reset-link`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from echo.cli.accounts import Duration, find_account, user_argument
from echo.cli.common import data_dir_option, json_option, opened
from echo.cli.output import show_one


@click.command()
@user_argument
@click.option(
    "--for",
    "length",
    type=Duration(permanent=False),
    default="1h",
    show_default=True,
    help="How long the link works, such as 30m, 2h or 7d.",
)
@json_option
@data_dir_option
def reset_link(*, who: str, length: timedelta, as_json: bool, data_dir: Path | None) -> None:
    """Print a link with which a user sets another password.

    It works once, in place of every earlier one, and needs no mail server. Whoever has it gets into the account: give
    it to nobody but the user.
    """
    from echo.accounts.links import Links  # noqa: PLC0415
    from storage.accounts.link_tokens import LinkTokenRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (settings, database):
        account = find_account(AccountDirectory(database), who)
        links = Links(LinkTokenRepository(database), settings.domain_client)
        end = datetime.now(UTC).replace(microsecond=0) + length
        link = links.reset(str(account["_id"]), length=length)
    shown = {"id": str(account["_id"]), "email": account.get("email"), "expiresAt": end, "link": link}
    show_one(shown, as_json=as_json)
