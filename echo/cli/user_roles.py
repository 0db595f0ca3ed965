"""The roles of users: `echo-api user set-role`, and what others ask of roles."""

from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import find_account, user_argument
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.output import show_one

LAST = "That is the last administrator; --force does it nevertheless."


@click.command()
@user_argument
@click.argument("role")
@click.option("--force", is_flag=True, help="Do it even to the last administrator.")
@json_option
@data_dir_option
def set_role(*, who: str, role: str, force: bool, as_json: bool, data_dir: Path | None) -> None:
    """Set the role of a user.

    ROLE is ADMIN, USER, or one of LibreChat's own. The user's sessions have the new role from their next refresh on.
    """
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        directory = AccountDirectory(database)
        account = find_account(directory, who)
        check_role(directory, role)
        if force:
            directory.set_role(str(account["_id"]), role)
        else:
            set_role_of(database, account, role)
    show_one({"id": account["_id"], "email": account.get("email"), "role": role}, as_json=as_json)


def check_role(directory: Any, role: str | None) -> None:
    """Stop for a role that there is not."""
    roles = directory.roles()
    if role is not None and role not in roles:
        fail(f"There is no role {role!r}; there are {', '.join(roles)}.", EXIT_NO)


def set_role_of(database: Any, account: dict[str, Any], role: str) -> None:
    """Give another role; stop where nobody would be left to administer."""
    from storage.accounts.administrators import AdministratorRepository  # noqa: PLC0415
    from storage.core.errors import LastAdministrator  # noqa: PLC0415

    try:
        AdministratorRepository(database).set_role(str(account["_id"]), role)
    except LastAdministrator:
        fail(LAST, EXIT_NO)
