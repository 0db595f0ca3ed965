"""`echo-api role ...`: roles of users, and what they may do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from echo.cli.accounts import confirm, yes_option
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.output import for_people, show_one, show_rows
from echo.cli.user_roles import set_role

COLUMNS = ("name", "description", "users")
MAX_NAME, MAX_DESCRIPTION = 128, 2000
PAGE = 200


@click.group()
def role() -> None:
    """Manage roles and their permissions.

    ADMIN and USER are always there. A change counts within five seconds, in every process of a server that runs.
    """


@role.command(name="list")
@json_option
@data_dir_option
def list_roles(*, as_json: bool, data_dir: Path | None) -> None:
    """List roles by name, with how many users have each."""
    from storage.access.roles import RoleRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        roles, directory = RoleRepository(database), AccountDirectory(database)
        found: list[dict[str, Any]] = []
        while len(found) < (page := roles.list_page(len(found), PAGE))[1] and page[0]:
            found += page[0]
        rows = [
            {
                "name": each["name"],
                "description": each.get("description") or "",
                "users": directory.count_of_role(each["name"]),
            }
            for each in found
        ]
    show_rows(rows, COLUMNS, as_json=as_json)


@role.command()
@click.argument("name", metavar="ROLE")
@json_option
@data_dir_option
def show(*, name: str, as_json: bool, data_dir: Path | None) -> None:
    """Show what users of a role may do."""
    from storage.access.roles import RoleRepository  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        found = RoleRepository(database).find(name)
    if found is None:
        unknown(name)
    show_role(found, as_json=as_json)


@role.command()
@click.argument("name")
@click.option("--description", default="", help="What the role is for.")
@click.option(
    "--like",
    default="USER",
    show_default=True,
    metavar="ROLE",
    help="Give it the permissions that this role has now.",
)
@json_option
@data_dir_option
def create(*, name: str, description: str, like: str, as_json: bool, data_dir: Path | None) -> None:
    """Create a role.

    \b
    echo-api role create STAFF --description "Everybody on the payroll"
    """
    from echo.access.permissions import held  # noqa: PLC0415
    from storage.access.roles import RoleRepository  # noqa: PLC0415
    from storage.core.errors import Conflict, TooMany  # noqa: PLC0415

    named = name.strip()
    if not named or len(named) > MAX_NAME or not named.isprintable():
        fail(f"A role's name has from 1 to {MAX_NAME} printable characters.", EXIT_NO)
    if len(description) > MAX_DESCRIPTION:
        fail(f"A description has at most {MAX_DESCRIPTION} characters.", EXIT_NO)
    with opened(data_dir) as (_, database):
        roles = RoleRepository(database)
        if (model := roles.find(like)) is None:
            unknown(like)
        try:
            made = roles.create(named, description, held(model.get("permissions")))
        except Conflict:
            fail(f"There is a role {for_people(named)!r} already.", EXIT_NO)
        except TooMany as error:
            fail(f"There are {error.most} roles already.", EXIT_NO)
    show_role(made, as_json=as_json)


@role.command()
@click.argument("name", metavar="ROLE")
@yes_option
@json_option
@data_dir_option
def delete(*, name: str, yes: bool, as_json: bool, data_dir: Path | None) -> None:
    """Delete a role. Its users become USER, and what was shared with the role is no longer."""
    from echo.access.permissions import DEFAULTS  # noqa: PLC0415
    from storage.access.roles import RoleRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415
    from storage.operator.role_changes import RoleChanges  # noqa: PLC0415

    if name in DEFAULTS:
        fail(f"{name} cannot be deleted.", EXIT_NO)
    with opened(data_dir) as (_, database):
        if RoleRepository(database).find(name) is None:
            unknown(name)
        users = AccountDirectory(database).count_of_role(name)
        confirm(f"Remove the role {for_people(name)}, which {users} users have?", yes=yes)
        RoleChanges(database).delete(name)
    show_one({"name": name, "users": users}, as_json=as_json)


@role.command(name="set")
@click.argument("name", metavar="ROLE")
@click.argument("permission")
@click.argument("value", type=click.Choice(["on", "off"]))
@json_option
@data_dir_option
def set_permission(*, name: str, permission: str, value: str, as_json: bool, data_dir: Path | None) -> None:
    """Switch a permission of a role on or off.

    PERMISSION is a type and what it allows, as `role show` has them.

    \b
    echo-api role set USER PROMPTS.SHARE on
    """
    from echo.access.permissions import DEFAULTS  # noqa: PLC0415
    from storage.access.roles import RoleRepository  # noqa: PLC0415
    from storage.core.errors import NotFound  # noqa: PLC0415

    kind, what = permission_of(permission)
    with opened(data_dir) as (settings, database):
        try:
            changed = RoleRepository(database).change(name, kind, {what: value == "on"})
        except NotFound:
            unknown(name)
    said = settings.permissions.get(kind, {}).get(what) if name in DEFAULTS else None
    if said is not None and said is not (value == "on"):
        again = f"librechat.yaml says otherwise of {kind}.{what}, and the next start writes that into {name}."
        click.echo(f"echo-api: {again}", err=True)
    show_role(changed, as_json=as_json)


# The same under the name of what it is about.
role.add_command(set_role, "assign")


def permission_of(text: str) -> tuple[str, str]:
    """A type and a permission of it; stops for what is none."""
    from echo.access.permissions import PERMISSIONS  # noqa: PLC0415

    kind, _, what = text.upper().replace("-", "_").partition(".")
    if kind not in PERMISSIONS:
        fail(f"There is no type {for_people(kind)!r}; there are {', '.join(PERMISSIONS)}.", EXIT_NO)
    if what not in PERMISSIONS[kind]:
        known = ", ".join(f"{kind}.{each}" for each in PERMISSIONS[kind])
        fail(f"There is no permission {for_people(text)!r}; there are {known}.", EXIT_NO)
    return kind, what


def unknown(name: str) -> NoReturn:
    """Stop where there is no such role."""
    fail(f"There is no role {for_people(name)!r}.", EXIT_NO)


def show_role(found: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a role with every permission that there is."""
    from echo.access.permissions import held  # noqa: PLC0415

    permissions = held(found.get("permissions"))
    if as_json:
        head = {"name": found["name"], "description": found.get("description") or ""}
        show_one({**head, "permissions": permissions}, as_json=True)
        return
    rows = [
        {"permission": f"{kind}.{name}", "allowed": value}
        for kind, names in permissions.items()
        for name, value in names.items()
    ]
    show_rows(rows, ("permission", "allowed"), as_json=False)
