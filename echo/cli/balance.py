"""`echo-api balance ...`: what users may still spend."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import find_account, user_argument
from echo.cli.common import data_dir_option, json_option, opened
from echo.cli.output import show_one, show_rows

COLUMNS = ("id", "email", "tokenCredits", "autoRefillEnabled")
SHOWN = ("autoRefillEnabled", "refillAmount", "refillIntervalValue", "refillIntervalUnit", "lastRefill")
MOST = 10**15


@click.group()
def balance() -> None:
    """Show and change balances.

    The unit is the credit: a million of them are a US dollar.
    """


class Amount(click.FloatRange):
    """Credits: a number, and not the one that is none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is no number.", param, ctx)
        return number


def amount_argument(minimum: float) -> Callable[..., Any]:
    """The argument AMOUNT."""
    return click.argument("amount", type=Amount(minimum, MOST))


@balance.command()
@user_argument
@json_option
@data_dir_option
def show(*, who: str, as_json: bool, data_dir: Path | None) -> None:
    """Show the balance of a user. One that is not there yet is made, as by a login."""
    with ledger_for(who, data_dir) as (account, ledger):
        show_one(shown(account, ledger.balance(str(account["_id"]))), as_json=as_json)


# A negative amount begins like an option.
@balance.command(context_settings={"ignore_unknown_options": True})
@user_argument
@amount_argument(-MOST)
@json_option
@data_dir_option
def add(*, who: str, amount: float, as_json: bool, data_dir: Path | None) -> None:
    """Give credits to a user, or take some: AMOUNT may be negative. Nobody has less than nothing.

    \b
    echo-api balance add ada@example.com 1000000
    """
    with ledger_for(who, data_dir) as (account, ledger):
        show_one(shown(account, ledger.give(str(account["_id"]), amount)), as_json=as_json)


@balance.command(name="set")
@user_argument
@amount_argument(0)
@json_option
@data_dir_option
def set_(*, who: str, amount: float, as_json: bool, data_dir: Path | None) -> None:
    """Set the credits of a user."""
    with ledger_for(who, data_dir) as (account, ledger):
        show_one(shown(account, ledger.put(str(account["_id"]), amount)), as_json=as_json)


@balance.command(name="list")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Show so many."
)
@json_option
@data_dir_option
def list_balances(*, limit: int, as_json: bool, data_dir: Path | None) -> None:
    """List the balances that there are, the smallest first."""
    from storage.operator.statistics import Statistics  # noqa: PLC0415

    with opened(data_dir, indexes=False) as (_, database):
        rows = Statistics(database).balances(limit)
    show_rows(rows, COLUMNS, as_json=as_json)


@contextmanager
def ledger_for(who: str, data_dir: Path | None) -> Iterator[tuple[dict[str, Any], Any]]:
    """The account that is meant, and what balances are changed by."""
    from echo.conversations.token_count import count_tokens  # noqa: PLC0415
    from echo.credits.assembly import build_credits  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (settings, database):
        account = find_account(AccountDirectory(database), who)
        yield account, build_credits(settings, database, count_tokens)


def shown(account: Mapping[str, Any], found: Mapping[str, Any] | None) -> dict[str, Any]:
    """A balance as it is printed; nothing of it where there is none."""
    known = found or {}
    refills = SHOWN if known.get("autoRefillEnabled") else SHOWN[:1]
    return {
        "id": str(account["_id"]),
        "email": account.get("email"),
        "tokenCredits": known.get("tokenCredits"),
        **{name: known.get(name) for name in refills if name in known},
    }
