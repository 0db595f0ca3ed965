"""`echo-api contract ...`: documents compared with each other, and with servers."""

import sys
from typing import Any

import click

from echo.cli.common import EXIT_NO, fail, json_option
from echo.cli.contract_testing import init, test
from echo.cli.output import for_people, show_one
from echo.cli.standing_in import EXIT_DATA, print_document, proxy, stub


@click.group()
def contract() -> None:
    """Test clients and servers against OpenAPI documents.

    Where a DOCUMENT is asked for, it is a JSON file, an address, or `echo` or `librechat` for those of this Echo.
    """


contract.add_command(print_document)
contract.add_command(init)
contract.add_command(proxy)
contract.add_command(stub)
contract.add_command(test)


@contract.command()
@click.argument("documents", nargs=-1, metavar="OLD NEW")
@click.option(
    "--floor", is_flag=True, help="Compare NEW (default: echo) with the seed of Echo's own contract."
)
@click.option(
    "--allow",
    multiple=True,
    metavar="'OPERATION PLACE RULE'",
    help="A difference that is meant, as the command prints it. May be repeated.",
)
@json_option
def diff(*, documents: tuple[str, ...], floor: bool, allow: tuple[str, ...], as_json: bool) -> None:
    """Find what of a change to a document breaks clients.

    Requests may only become wider, responses only narrower. The command prints one line for each place where NEW
    refuses a request that OLD accepts, or may answer what OLD does not promise. It ends with 0 if there is none, and
    with 1 if there are some.

    \b
    git show main:openapi.json > /tmp/old.json
    echo-api contract diff /tmp/old.json openapi.json
    """
    # Imported here: the other commands need none of it.
    from echo.testing.comparison import Comparison  # noqa: PLC0415
    from echo.testing.documents import DocumentUnusable, load_document  # noqa: PLC0415
    from echo.testing.floor import EXCEPTIONS, floor_document  # noqa: PLC0415
    from echo.testing.references import Uncomparable  # noqa: PLC0415

    wanted = documents or (("echo",) if floor else ())
    if len(wanted) != (1 if floor else 2):
        raise click.UsageError("Give OLD and NEW, or --floor with at most NEW.")
    try:
        *olds, new = (load_document(name) for name in wanted)
        found = Comparison(floor_document() if floor else olds[0], new).differences()
    except (DocumentUnusable, Uncomparable) as error:
        fail(for_people(str(error)), EXIT_DATA)
    lines = sorted(" ".join(each) for each in found - (EXCEPTIONS if floor else frozenset()))
    breaking = [line for line in lines if line not in allow]
    show_differences(breaking, as_json=as_json)
    sys.exit(EXIT_NO if breaking else 0)


def show_differences(lines: list[str], *, as_json: bool) -> None:
    """One a line, or all as JSON."""
    if as_json:
        shown: dict[str, Any] = {"breaking": lines}
        show_one(shown, as_json=True)
        return
    for line in lines:
        click.echo(for_people(line))
    click.echo(f"{len(lines)} breaking differences" if lines else "Nothing breaks clients.", err=True)
