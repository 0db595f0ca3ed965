"""`echo-api user delete`."""

from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import confirm, find_account, named, user_argument, yes_option
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.output import show_one, show_rows
from echo.cli.user_roles import LAST, set_role_of

# As storage has it, which is imported late.
USER = "USER"


@click.command()
@user_argument
@yes_option
@click.option("--force", is_flag=True, help="Do it even to the last administrator.")
@json_option
@data_dir_option
def delete(*, who: str, yes: bool, force: bool, as_json: bool, data_dir: Path | None) -> None:
    """Delete a user and all of their data, files included.

    If the command is interrupted, run it again.
    """
    from echo.accounts.erasure import AccountEraser  # noqa: PLC0415
    from echo.files import build_file_store  # noqa: PLC0415
    from echo.indexing.assembly import forgetting  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (settings, database):
        directory = AccountDirectory(database)
        account = find_account(directory, who)
        if not force and directory.is_last_administrator(str(account["_id"])):
            fail(LAST, EXIT_NO)
        confirm(f"Remove {named(account)} and all that is theirs?", yes=yes)
        if not force:
            # First, and one after the other in all processes: of two who go at the same time one must stay.
            set_role_of(database, account, USER)
        try:
            store = build_file_store(settings)
            eraser = AccountEraser(database, store, forget=forgetting(settings, database, store))
            erased = eraser.erase(str(account["_id"]))
        except OSError as error:
            fail(f"A file cannot be removed, and so the user is still there: {error}.", EXIT_NO)
    if erased.elsewhere:
        click.echo(f"echo-api: {erased.elsewhere} files are with a service, and stay there.", err=True)
    show_erased(account, erased, as_json=as_json)


def show_erased(account: dict[str, Any], erased: Any, *, as_json: bool) -> None:
    """Print what went."""
    documents = dict(sorted(erased.documents.items()))
    files = {"files": erased.files.files, "bytes": erased.files.bytes}
    if as_json:
        who = {"id": str(account["_id"]), "email": account.get("email")}
        fields = {**who, "documents": documents, "disk": files, "filesElsewhere": erased.elsewhere}
        show_one(fields, as_json=True)
        return
    rows = [{"what": name, "removed": number} for name, number in documents.items()]
    rows += [{"what": f"{name} on disk", "removed": number} for name, number in files.items()]
    show_rows(rows, ("what", "removed"), as_json=False)
