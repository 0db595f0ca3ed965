"""`echo-api user ban` and `unban`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from echo.cli.accounts import PERMANENT, Duration, confirm, find_account, named, user_argument, yes_option
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.output import show_one


@click.command()
@user_argument
@click.option(
    "--for",
    "length",
    type=Duration(permanent=True),
    # Not None: that is what "permanent" becomes.
    default=timedelta(),
    help="How long the ban lasts, such as 30m, 2h, 7d or permanent (default: BAN_DURATION, else 2h).",
)
@yes_option
@json_option
@data_dir_option
def ban(*, who: str, length: timedelta | None, yes: bool, as_json: bool, data_dir: Path | None) -> None:
    """Ban a user, for a time or permanently.

    The user cannot log in or refresh a token. All of the user's sessions end, and running answers are stopped.
    LibreChat, on the same database, knows the ban too.

    \b
    echo-api user ban bob@example.com --for 7d
    """
    from storage.accounts.bans import FOR_EVER, BanRepository  # noqa: PLC0415
    from storage.accounts.sessions import SessionRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415
    from storage.runs.runs import RunRepository  # noqa: PLC0415

    with opened(data_dir) as (settings, database):
        account = find_account(AccountDirectory(database), who)
        if length == timedelta():
            length = timedelta(seconds=settings.ban_seconds)
        until = FOR_EVER if length is None else datetime.now(UTC).replace(microsecond=0) + length
        confirm(f"Ban {named(account)}?", yes=yes)
        owner = str(account["_id"])
        # In this order: a login of this moment finds the ban, or its session is among those that end.
        BanRepository(database).ban(owner, until=until)
        ended = SessionRepository(database).delete_all(owner)
        RunRepository(database).request_abort_all(owner)
    shown = PERMANENT if until == FOR_EVER and not as_json else until
    done = {"id": owner, "email": account.get("email"), "bannedUntil": shown, "sessionsEnded": ended}
    show_one(done, as_json=as_json)


@click.command()
@user_argument
@json_option
@data_dir_option
def unban(*, who: str, as_json: bool, data_dir: Path | None) -> None:
    """Lift a ban, whether Echo or LibreChat set it. The user has to log in again."""
    from storage.accounts.bans import BanRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        account = find_account(AccountDirectory(database), who)
        lifted = BanRepository(database).lift(str(account["_id"]))
    if not lifted:
        fail(f"{named(account)} is not banned.", EXIT_NO)
    show_one({"id": account["_id"], "email": account.get("email"), "bannedUntil": None}, as_json=as_json)
