"""`echo-api user ...`: accounts, for the operator."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import (
    find_account,
    new_password,
    password_options,
    refusals_end,
    user_argument,
)
from echo.cli.banning import ban, unban
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.deleting import delete
from echo.cli.factors import disable_2fa
from echo.cli.mails import put_notice
from echo.cli.output import show_one, show_rows, stream_json
from echo.cli.resetting import reset_link
from echo.cli.user_roles import check_role, set_role

COLUMNS = ("id", "email", "name", "username", "role", "createdAt", "bannedUntil")
PAGE = 500


@click.group()
def user() -> None:
    """Manage accounts.

    Name a USER by e-mail address, by id, or by a username that nobody else has.
    """


user.add_command(ban)
user.add_command(unban)
user.add_command(disable_2fa)
user.add_command(reset_link)
user.add_command(set_role)
user.add_command(delete)


@user.command()
@click.argument("email")
@click.option("--name", help="Display name (default: the part of EMAIL before the @).")
@click.option("--username", default="", help="Username, a short name.")
@click.option(
    "--role", help="ADMIN, USER or a role of LibreChat's (default: ADMIN for the first user, else USER)."
)
@password_options
@json_option
@data_dir_option
def create(
    *,
    email: str,
    name: str | None,
    username: str,
    role: str | None,
    from_stdin: bool,
    generate: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Create an account.

    The rules of registration apply, for example to the password. It also works if registration is closed. Without an
    option for the password, the command asks for it.

    \b
    echo-api user create ada@example.com --name "Ada Lovelace" --generate
    """
    from echo.accounts.new_account import create_account, normalize_email  # noqa: PLC0415
    from echo.accounts.passwords import check_new_password  # noqa: PLC0415
    from storage.accounts.users import UserRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    password = new_password(from_stdin=from_stdin, generate=generate)
    with opened(data_dir) as (settings, database), refusals_end():
        check_role(AccountDirectory(database), role)
        address = normalize_email(email)
        check_new_password(password, minimum=settings.min_password_length)
        account = create_account(
            UserRepository(database),
            name=name or address.partition("@")[0],
            email=address,
            username=username,
            password=password,
            role=role,
        )
    shown = shown_account(account, {})
    show_one({**shown, **({"password": password} if generate else {})}, as_json=as_json)


@user.command(name="list")
@click.option("--search", help="Only users with this text in their e-mail address, name or username.")
@click.option("--role", help="Only users with this role.")
@click.option("--banned", is_flag=True, help="Only users who are banned.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Show at most so many users; 0 shows all.",
)
@click.option("--after", metavar="ID", help="Start after the user with this id.")
@json_option
@data_dir_option
def list_users(*, limit: int, as_json: bool, data_dir: Path | None, **wanted: Any) -> None:
    """List accounts, the oldest first.

    Accounts that were created in the same second come in any order.
    """
    from storage.core.errors import NotFound  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir, indexes=False) as (_, database):
        directory = AccountDirectory(database)
        try:
            rows = listed(directory, directory.accounts(**wanted), limit)
            if as_json:
                stream_json(row for page in rows for row in page)
            else:
                for page in rows:
                    show_rows(page, COLUMNS, as_json=False)
        except NotFound:
            fail("--after takes the id of a user.", EXIT_NO)


def listed(directory: Any, accounts: Iterator[dict[str, Any]], limit: int) -> Iterator[list[dict[str, Any]]]:
    """The accounts to show, some at a time; says on stderr how to go on if there are more."""
    chosen = islice(accounts, limit) if limit else accounts
    last = None
    while page := list(islice(chosen, PAGE)):
        bans = directory.bans([str(account["_id"]) for account in page])
        yield [shown_account(account, bans) for account in page]
        last = page[-1]["_id"]
    if limit and last and next(accounts, None):
        click.echo(f"There are more: --after {last}", err=True)


@user.command()
@user_argument
@json_option
@data_dir_option
def show(*, who: str, as_json: bool, data_dir: Path | None) -> None:
    """Show an account, and how many documents it has.

    The command never shows a password's hash or another secret.
    """
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415
    from storage.operator.erasure import Erasure  # noqa: PLC0415

    with opened(data_dir, indexes=False) as (_, database):
        directory = AccountDirectory(database)
        account = find_account(directory, who)
        owner = str(account["_id"])
        counts = dict(sorted(Erasure(database).count(owner).items()))
        fields = shown_account(account, directory.bans([owner]))
    show_one({**fields, "documents": counts} if as_json else {**fields, **counts}, as_json=as_json)


@user.command()
@user_argument
@password_options
@json_option
@data_dir_option
def set_password(*, who: str, from_stdin: bool, generate: bool, as_json: bool, data_dir: Path | None) -> None:
    """Set a new password. All sessions of the user end."""
    from echo.accounts.letters import PASSWORD_CHANGED  # noqa: PLC0415
    from echo.accounts.passwords import check_new_password, hash_password  # noqa: PLC0415
    from storage.accounts.sessions import SessionRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    password = new_password(from_stdin=from_stdin, generate=generate)
    with opened(data_dir) as (settings, database), refusals_end():
        directory = AccountDirectory(database)
        account = find_account(directory, who)
        check_new_password(password, minimum=settings.min_password_length)
        directory.set_password(str(account["_id"]), hash_password(password))
        ended = SessionRepository(database).delete_all(str(account["_id"]))
        put_notice(settings, database, PASSWORD_CHANGED, account)
    done = {"id": account["_id"], "email": account.get("email"), "sessionsEnded": ended}
    show_one({**done, **({"password": password} if generate else {})}, as_json=as_json)


def shown_account(account: dict[str, Any], bans: Any) -> dict[str, Any]:
    """What is shown of an account: names, role, dates, and the end of a ban."""
    owner = str(account["_id"])
    return {
        "id": owner,
        **{name: account.get(name) for name in ("email", "name", "username")},
        "role": account.get("role") or "USER",
        **{name: account.get(name) for name in ("provider", "emailVerified", "createdAt", "updatedAt")},
        "twoFactorEnabled": bool(account.get("twoFactorEnabled")),
        "bannedUntil": bans.get(owner),
    }
