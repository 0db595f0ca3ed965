"""What the commands print: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a list: a JSON array, or a table with these columns."""
    if as_json:
        print_json(list(rows))
        return
    # Imported here: rich takes longer to load than most commands take to run.
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # `Text` shows what it is given: brackets in a name are no markup.
        table.add_row(*(Text(for_people(row.get(column))) for column in columns))
    Console(width=None if sys.stdout and sys.stdout.isatty() else 200).print(table)


def show_one(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing: a JSON object, or a line for each field."""
    if as_json:
        print_json(fields)
        return
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {for_people(value)}")


def print_json(value: Any) -> None:
    """Print JSON, in ASCII: valid in every encoding, and no command to a terminal; times as RFC 3339 in UTC."""
    click.echo(json.dumps(value, default=for_people, indent=2))


def stream_json(rows: Iterable[Any]) -> None:
    """Print a JSON array of any length, an item at a time."""
    separator = "["
    for row in rows:
        click.echo(f"{separator}\n{json.dumps(row, default=for_people)}", nl=False)
        separator = ","
    click.echo("[]" if separator == "[" else "\n]")


def for_people(value: Any) -> str:
    """A value on one line of a terminal: without control characters, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "".join(char if char.isprintable() else " " for char in text)


@contextmanager
def progress_bar(what: str, total: int, *, in_bytes: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, where that is a terminal; gives the function that moves it. It stays as it was at the end."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    count: ProgressColumn = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = [TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn()]
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
