"""`echo-api key ...`: the API keys with which programs come, for the operator."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import Duration, confirm, find_account, refusals_end, yes_option
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.output import for_people, show_one, show_rows, stream_json

Json = dict[str, Any]
COLUMNS = ("id", "user", "name", "begins", "lastUsedAt", "requests", "tokensToday", "tokensThisMonth")
PAGE = 500
# The contract's bounds of limits (`ApiKeyLimits`), with what each is called here.
MOST_MODELS, MODEL_LENGTH = 100, 320
NUMBERS = {
    "requestsPerMinute": ("--requests-per-minute", 1_000_000),
    "tokensPerMinute": ("--tokens-per-minute", 1_000_000_000),
    "tokensPerDay": ("--tokens-per-day", 1_000_000_000_000),
    "tokensPerMonth": ("--tokens-per-month", 1_000_000_000_000),
}
DOLLARS = {"dollarsPerDay": "--dollars-per-day", "dollarsPerMonth": "--dollars-per-month"}
LEAST_DOLLARS, MOST_DOLLARS = 0.000_001, 1_000_000
key_argument = click.argument("which", metavar="KEY")


@click.group()
def key() -> None:
    """Manage API keys, with which programs come to /v1.

    Name a KEY by its id, or by how it begins (sk-12345) if no other key begins so.
    """


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a key may do."""
    numbers = [
        click.option(option, name, type=click.IntRange(1, most), metavar="NUMBER")
        for name, (option, most) in NUMBERS.items()
    ]
    money = [
        click.option(
            option,
            name,
            type=click.FloatRange(LEAST_DOLLARS, MOST_DOLLARS),
            metavar="DOLLARS",
            callback=finite,
        )
        for name, option in DOLLARS.items()
    ]
    models = click.option(
        "--model",
        "models",
        multiple=True,
        help="A model that it opens: endpoint/model, endpoint/*, or a model. May be repeated.",
    )
    return reduce(lambda wrapped, option: option(wrapped), [*reversed([*numbers, *money]), models], command)


def finite(_context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """A number that is one: none is less or more than `nan`."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("is no number.", param=parameter)
    return value


def read_limits(given: Json) -> Json:
    """The limits that were given, as the contract has them."""
    models = list(given["models"])
    if len(models) > MOST_MODELS or any(not 0 < len(each) <= MODEL_LENGTH for each in models):
        raise click.UsageError(
            f"--model takes names of up to {MODEL_LENGTH} characters, {MOST_MODELS} of them at most."
        )
    numbers = {name: given[name] for name in (*NUMBERS, *DOLLARS) if given[name] is not None}
    return {**({"models": models} if models else {}), **numbers}


@key.command(name="list")
@click.argument("who", metavar="[USER]", required=False)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Show at most so many keys; 0 shows all.",
)
@json_option
@data_dir_option
def list_keys(*, who: str | None, limit: int, as_json: bool, data_dir: Path | None) -> None:
    """List the keys of a user, or of all, the oldest first, with what each has used.

    Tokens are those that models have read and written, today and this month (UTC).
    """
    from storage.operator.administration import AccountDirectory, KeyDirectory  # noqa: PLC0415

    with opened(data_dir, indexes=False) as (_, database):
        owner = str(find_account(AccountDirectory(database), who)["_id"]) if who else None
        rows = map(shown_key, KeyDirectory(database).keys(owner))
        chosen = islice(rows, limit) if limit else rows
        if as_json:
            stream_json(chosen)
        else:
            show_pages(chosen)
        if limit and next(rows, None):
            click.echo("There are more: --limit 0 shows all.", err=True)


def show_pages(rows: Iterator[Json]) -> None:
    """Print a table, some rows at a time."""
    while page := [{**row, **in_short(row)} for row in islice(rows, PAGE)]:
        show_rows(page, COLUMNS, as_json=False)


def in_short(row: Json) -> Json:
    """What a key has used, for a table."""
    usage = row["usage"]
    return {
        "requests": usage["total"]["requests"],
        **{
            name: usage[window]["inputTokens"] + usage[window]["outputTokens"]
            for name, window in (("tokensToday", "day"), ("tokensThisMonth", "month"))
        },
    }


@key.command()
@key_argument
@json_option
@data_dir_option
def show(*, which: str, as_json: bool, data_dir: Path | None) -> None:
    """Show a key: whose it is, its limits, and what it has used today, this month (UTC) and in all."""
    with opened(data_dir, indexes=False) as (_, database):
        tell(find_key(database, which), as_json=as_json)


@key.command()
@click.argument("who", metavar="USER")
@click.argument("name")
@click.option(
    "--for",
    "length",
    type=Duration(permanent=True),
    default="permanent",
    show_default=True,
    help="How long it works, such as 2h or 30d.",
)
@limit_options
@json_option
@data_dir_option
def create(
    *, who: str, name: str, length: timedelta | None, as_json: bool, data_dir: Path | None, **limits: Any
) -> None:
    """Create a key for a user, and print it. It cannot be shown again.

    \b
    echo-api key create ada@example.com Notebook --model "openAI/*" --tokens-per-day 1000000
    """
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    with opened(data_dir) as (_, database), refusals_end():
        owner = str(find_account(AccountDirectory(database), who)["_id"])
        expires_at = datetime.now(UTC).replace(microsecond=0) + length if length else None
        made = service(database).create(owner, name=name, expires_at=expires_at, limits=read_limits(limits))
        shown = shown_key(find_key_by_id(database, str(made.document["_id"])))
    show_one({**flat(shown, as_json=as_json), "key": made.key}, as_json=as_json)


@key.command()
@key_argument
@yes_option
@json_option
@data_dir_option
def revoke(*, which: str, yes: bool, as_json: bool, data_dir: Path | None) -> None:
    """Delete a key. Servers refuse it within three seconds."""
    with opened(data_dir) as (_, database):
        found = find_key(database, which)
        shown = shown_key(found)
        confirm(f"Revoke the key {for_people(shown['name'])!r} of {for_people(shown['user'])}?", yes=yes)
        service(database).delete(str(found["userId"]), shown["id"])
    show_one(flat(shown, as_json=as_json), as_json=as_json)


@key.command()
@key_argument
@limit_options
@click.option("--none", "unlimited", is_flag=True, help="Take all limits away.")
@json_option
@data_dir_option
def limit(*, which: str, unlimited: bool, as_json: bool, data_dir: Path | None, **limits: Any) -> None:
    """Set the limits of a key: those that are given, in place of all that it had.

    Servers hold to them within three seconds.
    """
    wanted = read_limits(limits)
    if bool(wanted) == unlimited:
        raise click.UsageError("Give the limits that the key is to have, or --none.")
    with opened(data_dir) as (_, database):
        found = find_key(database, which)
        service(database).change(str(found["userId"]), str(found["_id"]), {"limits": wanted})
        tell(find_key_by_id(database, str(found["_id"])), as_json=as_json)


def tell(found: Json, *, as_json: bool) -> None:
    """Print a key."""
    show_one(flat(shown_key(found), as_json=as_json), as_json=as_json)


def service(database: Any) -> Any:
    """What the operations of the API do."""
    from echo.accounts.api_keys import ApiKeyGuard, ApiKeyService  # noqa: PLC0415
    from storage.accounts.api_keys import ApiKeyRepository  # noqa: PLC0415
    from storage.accounts.bans import BanRepository  # noqa: PLC0415
    from storage.accounts.users import UserRepository  # noqa: PLC0415

    keys = ApiKeyRepository(database)
    return ApiKeyService(keys, ApiKeyGuard(keys, UserRepository(database), BanRepository(database)))


def find_key(database: Any, which: str) -> Json:
    """The one key that is meant; stops where there is none, or several."""
    from storage.core.errors import InvalidDocument, NotFound  # noqa: PLC0415
    from storage.operator.administration import Ambiguous  # noqa: PLC0415

    try:
        return find_key_by_id(database, which)
    except (NotFound, InvalidDocument):
        fail(f"There is no key {for_people(which)!r}.", EXIT_NO)
    except Ambiguous as error:
        fail(f"Several keys begin with {for_people(which)!r}; name one by id: {error}.", EXIT_NO)


def find_key_by_id(database: Any, which: str) -> Json:
    """The key with its user's address. Raises `NotFound` and `Ambiguous`."""
    from storage.operator.administration import KeyDirectory  # noqa: PLC0415

    found: Json = KeyDirectory(database).find(which)
    return found


def shown_key(document: Json) -> Json:
    """What is shown of a key: never itself, which only its hash is kept of."""
    from echo.accounts.api_keys import with_current_usage  # noqa: PLC0415
    from storage.accounts.api_keys import LIMITS, USAGE  # noqa: PLC0415

    usage = with_current_usage(document).get(USAGE) or {}
    counts = ("requests", "inputTokens", "outputTokens", "dollars")
    return {
        "id": str(document["_id"]),
        "user": document.get("email") or str(document["userId"]),
        "name": document.get("name"),
        "begins": document.get("keyPrefix"),
        **{name: document.get(name) for name in ("createdAt", "lastUsedAt", "expiresAt")},
        "limits": document.get(LIMITS) or {},
        "usage": {
            window: {name: (usage.get(window) or {}).get(name, 0) for name in counts}
            for window in ("day", "month", "total")
        },
    }


def flat(shown: Json, *, as_json: bool) -> Json:
    """What is shown, for a terminal with a line for each limit and count."""
    if as_json:
        return shown
    rest = {name: value for name, value in shown.items() if name not in ("limits", "usage")}
    limits = {f"limits.{name}": value for name, value in shown["limits"].items()}
    usage = {
        f"{window}.{name}": value
        for window, counts in shown["usage"].items()
        for name, value in counts.items()
    }
    return {**rest, **limits, **usage}
