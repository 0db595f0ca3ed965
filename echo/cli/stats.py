"""`echo-api stats`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from echo.cli.common import data_dir_option, json_option, opened
from echo.cli.output import print_json, show_one, show_rows

USER_COLUMNS = ("id", "email", "messages", "conversations", "files", "fileBytes")
ACTIVE_DAYS = (7, 30)
MONTH_COLUMNS = ("month", "prompt", "completion")


@click.command()
@click.option("--users", is_flag=True, help="Also list the users with the most messages.")
@click.option(
    "--top",
    type=click.IntRange(1, 10_000),
    default=10,
    show_default=True,
    help="How many users --users lists.",
)
@click.option(
    "--months",
    type=click.IntRange(0, 120),
    default=0,
    help="Also show the tokens of the last so many months (from LibreChat's transactions).",
)
@json_option
@data_dir_option
def stats(*, users: bool, top: int, months: int, as_json: bool, data_dir: Path | None) -> None:
    """Count users, conversations, messages and files, and their size."""
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415
    from storage.operator.statistics import Statistics  # noqa: PLC0415

    now = datetime.now(UTC)
    with opened(data_dir, indexes=False) as (_, database):
        statistics = Statistics(database)
        figures: dict[str, Any] = {
            **statistics.counts(),
            "roles": statistics.roles(),
            "banned": len(AccountDirectory(database).all_bans()),
            "active": statistics.active_since(
                {f"{days}d": now - timedelta(days=days) for days in ACTIVE_DAYS}
            ),
            "fileBytes": statistics.file_bytes(),
            "databaseBytes": statistics.sizes(),
        }
        tables: dict[str, list[Any]] = {
            **({"busiest": statistics.busiest(top)} if users else {}),
            **({"tokens": statistics.tokens_by_month(first_of(now, months))} if months else {}),
        }
    if as_json:
        print_json({**figures, **tables})
        return
    show_one(flattened(figures), as_json=False)
    for name, rows in tables.items():
        show_rows(rows, USER_COLUMNS if name == "busiest" else MONTH_COLUMNS, as_json=False)


def flattened(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures within figures, each with a name of its own."""
    flat: dict[str, Any] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat |= {f"{name} {inner}": figure for inner, figure in value.items()}
        else:
            flat[name] = value
    return flat


def first_of(moment: datetime, months: int) -> datetime:
    """When the first of the last so many months began, this one included."""
    years, month = divmod(moment.year * 12 + moment.month - months, 12)
    return datetime(years, month + 1, 1, tzinfo=UTC)
