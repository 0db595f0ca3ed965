"""`echo-api user disable-2fa`."""

from pathlib import Path

import click

from echo.cli.accounts import confirm, find_account, named, user_argument, yes_option
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.mails import put_notice
from echo.cli.output import show_one


@click.command(name="disable-2fa")
@user_argument
@yes_option
@json_option
@data_dir_option
def disable_2fa(*, who: str, yes: bool, as_json: bool, data_dir: Path | None) -> None:
    """Switch off a user's two-factor authentication.

    For a user who has lost the phone and the backup codes. After this the password alone is enough to log in, so be
    sure who is asking.
    """
    from echo.accounts.letters import FACTOR_OFF  # noqa: PLC0415
    from storage.accounts.two_factor import TwoFactorRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (settings, database):
        account = find_account(AccountDirectory(database), who)
        factors, owner = TwoFactorRepository(database), str(account["_id"])
        if not factors.get(owner).enabled:
            fail(f"{named(account)} has no two-factor authentication.", EXIT_NO)
        confirm(f"Switch off two-factor authentication of {named(account)}?", yes=yes)
        factors.disable(owner)
        put_notice(settings, database, FACTOR_OFF, account)
    shown = {"id": owner, "email": account.get("email"), "twoFactorEnabled": False}
    show_one(shown, as_json=as_json)
