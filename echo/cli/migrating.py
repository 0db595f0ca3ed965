"""`echo-api migrate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echo.cli.common import EXIT_NO, data_dir_option, json_option, opened
from echo.cli.output import print_json, show_rows

if TYPE_CHECKING:
    from storage.operator.migration import PlannedIndex

COLUMNS = ("collection", "index", "options", "documents", "state", "reason")
SHOWN = {"present": "there", "missing": "to be made", "conflict": "in conflict", "doubles": "has doubles"}
NOT_MADE = "could not be made"
BLOCKED = (SHOWN["conflict"], SHOWN["doubles"], NOT_MADE)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what would be created. Change nothing.")
@data_dir_option
@json_option
def migrate(*, dry_run: bool, data_dir: Path | None, as_json: bool) -> None:
    """Create the indexes that the database lacks.

    `serve` does the same when it starts. The command drops nothing and changes no document. The exit code is 1 if an
    index cannot be created.
    """
    from storage.operator.indexes import ensure_indexes  # noqa: PLC0415
    from storage.operator.migration import plan_indexes  # noqa: PLC0415

    with opened(data_dir, indexes=False) as (_, database):
        planned = plan_indexes(database)
        missing = {_key(each) for each in planned if each.state == "missing"}
        if not dry_run and missing:
            ensure_indexes(database)
            planned = plan_indexes(database)
        name = database.name
    rows = [_row(each, missing, made=not dry_run) for each in planned]
    if as_json:
        print_json({"database": name, "dry_run": dry_run, "indexes": rows})
    else:
        show_rows(rows, COLUMNS, as_json=False)
        click.echo(_summary(name, [str(row["state"]) for row in rows]))
    if any(row["state"] in BLOCKED for row in rows):
        sys.exit(EXIT_NO)


def _key(index: "PlannedIndex") -> tuple[str, str]:
    return index.collection, index.name


def _row(index: "PlannedIndex", missing: set[tuple[str, str]], *, made: bool) -> dict[str, object]:
    state = SHOWN[index.state]
    if made and _key(index) in missing:
        state = "made" if index.state == "present" else NOT_MADE
    return {
        "collection": index.collection,
        "index": index.keys,
        "name": index.name,
        "options": index.options,
        "documents": index.documents,
        "state": state,
        "reason": index.reason,
    }


def _summary(database: str, states: list[str]) -> str:
    made, to_make = states.count("made"), states.count("to be made")
    done = f"{to_make} indexes to be made" if to_make else f"{made} indexes made"
    text = f"{database}: {done}; none dropped, no document changed."
    if blocked := sum(state in BLOCKED for state in states):
        text += (
            f"\n{blocked} cannot be made. Echo works without, but slower or, where it is a unique one, without its "
            "guarantee. Drop the index that is in the way, or remove the doubles, and run this again."
        )
    return text
