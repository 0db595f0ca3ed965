"""`echo-api usage`: what was used of models."""

import csv
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import find_account, refusals_end
from echo.cli.common import data_dir_option, json_option, opened
from echo.cli.output import for_people, print_json, show_rows

GROUPS = ("day", "user", "model", "endpoint", "key", "context")
FIGURES = ("requests", "inputTokens", "cacheReadTokens", "cacheWriteTokens", "outputTokens", "dollars")
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.command()
@click.option("--from", "since", metavar="DAY", help="The first day (default: 30 days before the last one).")
@click.option("--to", "until", metavar="DAY", help="The last day (default: today). Days are those of UTC.")
@click.option(
    "--by",
    default="day,user,model",
    show_default=True,
    help=f"What there is a row for, with commas between: {', '.join(GROUPS)}.",
)
@click.option("--user", "who", help="Only what this user has used.")
@click.option("--model", help="Only of this model.")
@click.option("--endpoint", help="Only of this endpoint. What LibreChat wrote has none.")
@click.option("--key", help="Only with this API key, by its id.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Show so many."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, for spreadsheets.")
@json_option
@data_dir_option
def usage(
    *,
    since: str | None,
    until: str | None,
    by: str,
    who: str | None,
    limit: int,
    as_csv: bool,
    as_json: bool,
    data_dir: Path | None,
    **only: str | None,
) -> None:
    """Sum what was used of models, and what it cost in US dollars by the server's prices.

    \b
    echo-api usage --from 2026-11-01 --to 2026-11-30 --by user --csv
    """
    from echo.credits.usage import Asked, day_of, report, settled  # noqa: PLC0415
    from storage.accounts.transactions import TransactionRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    groups = tuple(name.strip() for name in by.split(",") if name.strip())
    if not groups or not set(groups) <= set(GROUPS):
        raise click.UsageError(f"--by must be some of {', '.join(GROUPS)}.")
    if as_csv and as_json:
        raise click.UsageError("Give --csv or --json, not both.")
    values = {name: value for name, value in only.items() if value is not None}
    with refusals_end():
        days, wanted = settled(Asked(day_of(since, "--from"), day_of(until, "--to"), groups, values, limit))
    with opened(data_dir) as (_, database):
        transactions = TransactionRepository(database)
        if who is None:
            found = transactions.sums_of_all(wanted)
        else:
            found = transactions.sums(str(find_account(AccountDirectory(database), who)["_id"]), wanted)
    told = report(days, wanted, found)
    if as_json:
        print_json(told)
        return
    columns = [column for name in groups for column in (("user", "email") if name == "user" else (name,))]
    if as_csv:
        print_csv(told["rows"], (*columns, *FIGURES))
        return
    show_rows([*told["rows"], {columns[0]: "total", **told["totals"]}], (*columns, *FIGURES), as_json=False)
    if not told["complete"]:
        click.echo(f"There are more than {limit} rows; the total is of all.", err=True)


def print_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print RFC 4180's comma-separated values; no text is a formula."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(column)) for column in columns])


def cell(value: Any) -> Any:
    """A value in a cell."""
    if not isinstance(value, str | datetime):
        return value
    text = for_people(value)
    return f"'{text}" if text.startswith(FORMULA) else text
