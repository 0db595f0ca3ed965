"""`echo-api group ...`: groups of users."""

from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import confirm, find_account, yes_option
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.output import for_people, show_one, show_rows

COLUMNS = ("id", "name", "source", "members", "createdAt")
MEMBERS = ("id", "email", "name")
MAX_NAME, MAX_TEXT = 256, 2000
# A page of groups with the same part in their names, among which one is looked for.
PAGE = 200
group_argument = click.argument("which", metavar="GROUP")
users_argument = click.argument("users", metavar="USER...", nargs=-1, required=True)


@click.group()
def group() -> None:
    """Manage groups.

    Things are shared with groups, and models are open to them. Name a GROUP by its name or by its id, and a USER as
    in `echo-api user`. A change counts within five seconds, in every process of a server that runs.
    """


@group.command(name="list")
@click.option("--search", help="Only groups with this text in their name, address or description.")
@click.option("--source", help="Only groups of this source, such as local or entra.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Show at most so many."
)
@json_option
@data_dir_option
def list_groups(
    *, search: str | None, source: str | None, limit: int, as_json: bool, data_dir: Path | None
) -> None:
    """List groups by name."""
    from storage.access.groups import GroupRepository  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        groups = GroupRepository(database)
        found, total = groups.list_page(text=search, source=source, offset=0, limit=limit)
        rows = [shown(groups, each) for each in found]
    show_rows(rows, COLUMNS, as_json=as_json)
    if total > len(rows):
        click.echo(f"There are {total}: --limit shows more.", err=True)


@group.command()
@group_argument
@json_option
@data_dir_option
def show(*, which: str, as_json: bool, data_dir: Path | None) -> None:
    """Show a group and its members, a thousand at most."""
    from storage.access.groups import MAX_LISTED, GroupRepository  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        groups = GroupRepository(database)
        found = find_group(groups, which)
        ids, _total = groups.member_ids(str(found["_id"]), 0, MAX_LISTED)
        members = named_members(database, ids)
        fields = shown(groups, found)
    if as_json:
        show_one({**fields, "members": members}, as_json=True)
        return
    show_one(fields, as_json=False)
    show_rows(members, MEMBERS, as_json=False)


@group.command()
@click.argument("name")
@click.option("--description", default="", help="What the group is.")
@json_option
@data_dir_option
def create(*, name: str, description: str, as_json: bool, data_dir: Path | None) -> None:
    """Create a group without members."""
    from storage.access.groups import GroupRepository  # noqa: PLC0415
    from storage.core.errors import TooMany  # noqa: PLC0415

    called = name.strip()
    if not called or len(called) > MAX_NAME or not called.isprintable() or len(description) > MAX_TEXT:
        limits = f"from 1 to {MAX_NAME} printable characters, and its description at most {MAX_TEXT}"
        fail(f"A group's name has {limits}.", EXIT_NO)
    with opened(data_dir) as (_, database):
        groups = GroupRepository(database)
        if _named(groups, called):
            fail(f"There is a group {for_people(called)!r} already.", EXIT_NO)
        fields = {"name": called, "source": "local", **({"description": description} if description else {})}
        try:
            made = groups.create(fields, [])
        except TooMany as error:
            fail(f"There are {error.most} groups already.", EXIT_NO)
        row = shown(groups, made)
    show_one(row, as_json=as_json)


@group.command()
@group_argument
@yes_option
@json_option
@data_dir_option
def delete(*, which: str, yes: bool, as_json: bool, data_dir: Path | None) -> None:
    """Delete a group. What was shared with it is no longer; its members stay."""
    from storage.access.groups import GroupRepository  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        groups = GroupRepository(database)
        found = find_group(groups, which)
        row = shown(groups, found)
        confirm(f"Remove the group {for_people(found['name'])} ({row['members']} members)?", yes=yes)
        groups.delete(row["id"])
    show_one(row, as_json=as_json)


@group.command()
@group_argument
@users_argument
@json_option
@data_dir_option
def add(*, which: str, users: tuple[str, ...], as_json: bool, data_dir: Path | None) -> None:
    """Add users to a group; who is a member already stays one."""
    _change(which, users, add=True, as_json=as_json, data_dir=data_dir)


@group.command()
@group_argument
@users_argument
@json_option
@data_dir_option
def remove(*, which: str, users: tuple[str, ...], as_json: bool, data_dir: Path | None) -> None:
    """Remove users from a group; who is no member stays none."""
    _change(which, users, add=False, as_json=as_json, data_dir=data_dir)


def _change(which: str, users: tuple[str, ...], *, add: bool, as_json: bool, data_dir: Path | None) -> None:
    from storage.access.groups import GroupRepository  # noqa: PLC0415
    from storage.core.errors import TooMany  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        groups, directory = GroupRepository(database), AccountDirectory(database)
        identifier = str(find_group(groups, which)["_id"])
        # All of them first: a name that nobody has changes nothing.
        names = [names_of(find_account(directory, each)) for each in users]
        try:
            for each in names:
                (groups.add_member if add else groups.remove_member)(identifier, each)
        except TooMany as error:
            fail(f"The group has {error.most} members, which is the most that it can have.", EXIT_NO)
        row = shown(groups, groups.get(identifier))
    show_one(row, as_json=as_json)


def names_of(account: dict[str, Any]) -> list[str]:
    """How groups can name a user: by the id of the directory, or else by the user's own."""
    known = account.get("idOnTheSource")
    return [*([str(known)] if known else []), str(account["_id"])]


def find_group(groups: Any, which: str) -> dict[str, Any]:
    """The one group that is meant; stops where there is none, or several."""
    from storage.core.errors import NotFound  # noqa: PLC0415

    try:
        by_id: dict[str, Any] = groups.get(which)
    except NotFound:
        found = _named(groups, which.strip())
    else:
        return by_id
    if len(found) > 1:
        ids = ", ".join(str(each["_id"]) for each in found)
        fail(f"Several groups are called {for_people(which)!r}; name one by id: {ids}.", EXIT_NO)
    if not found:
        fail(f"There is no group {for_people(which)!r}.", EXIT_NO)
    return found[0]


def _named(groups: Any, name: str) -> list[dict[str, Any]]:
    found, _ = groups.list_page(text=name, source=None, offset=0, limit=PAGE)
    return [each for each in found if each.get("name") == name]


def named_members(database: Any, ids: list[str]) -> list[dict[str, Any]]:
    """Members as a group has them, with address and name of those who are users by their own ids."""
    from storage.access.people import PeopleRepository, principal_of  # noqa: PLC0415
    from storage.access.principals import USER  # noqa: PLC0415

    principals = {each: found for each in ids if (found := principal_of(USER, each))}
    known = PeopleRepository(database).known(principals.values())
    users = {each: known.get(principal, {}) for each, principal in principals.items()}
    return [
        {"id": each, **{name: users.get(each, {}).get(name) for name in ("email", "name")}} for each in ids
    ]


def shown(groups: Any, found: dict[str, Any]) -> dict[str, Any]:
    """What is shown of a group."""
    identifier = str(found["_id"])
    return {
        "id": identifier,
        "name": found.get("name"),
        "description": found.get("description"),
        "source": found.get("source"),
        "members": groups.member_ids(identifier, 0, 1)[1],
        "createdAt": found.get("createdAt"),
    }
