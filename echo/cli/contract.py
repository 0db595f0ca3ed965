"""`echo-api contract ...`: documents compared with each other, and with servers."""

import json
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from echo.cli.common import EXIT_CONFIG, EXIT_NO, EXIT_UNAVAILABLE, fail, json_option
from echo.cli.output import for_people, show_one
from echo.cli.standing_in import print_document, proxy, stub

# sysexits.h: the data are at fault.
EXIT_DATA = 65


@click.group()
def contract() -> None:
    """Test clients and servers against OpenAPI documents.

    Where a DOCUMENT is asked for, it is a JSON file, an address, or `echo` or `librechat` for those of this Echo.
    """


contract.add_command(print_document)
contract.add_command(proxy)
contract.add_command(stub)


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


def file_option(name: str, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that names a file to write."""
    return click.option(name, type=click.Path(dir_okay=False, path_type=Path), help=help_)


@contract.command()
@click.argument("url")
@click.option(
    "--document", metavar="DOCUMENT", help="The contract (default: URL/openapi.json, else librechat)."
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="How long to test at most.",
)
@click.option(
    "--operation", "only", multiple=True, metavar="ID", help="Test only this operation. Repeatable."
)
@click.option("--exclude", multiple=True, metavar="ID", help="Leave out this operation. Repeatable.")
@click.option("--seed", type=int, help="The seed of an earlier run, to repeat it.")
@click.option(
    "--token",
    "tokens",
    multiple=True,
    help="Access token of a user, two for two of them. Without, two accounts are registered.",
)
@file_option("--junit", "File for a report in JUnit's XML.")
@file_option("--json", "File for a report in JSON.")
@file_option("--sarif", "File for a report in SARIF.")
@click.option(
    "--html",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for a report to look at, with each failing exchange.",
)
def test(
    *,
    url: str,
    document: str | None,
    minutes: float,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    seed: int | None,
    tokens: tuple[str, ...],
    **files: Path | None,
) -> None:
    """Test the server at URL against the contract that it claims.

    Use a server whose data does not matter: the test does anything that two users can do, and needs its rate limits
    off. It ends with 0 if it found nothing, and with 1 if it found something.

    \b
    echo-api contract test http://127.0.0.1:3080 --minutes 2 --junit contract.xml
    """
    needs_schemathesis()
    from echo.testing.accounts import ServerUnusable  # noqa: PLC0415
    from echo.testing.documents import DocumentUnusable, claimed_document  # noqa: PLC0415
    from echo.testing.running import Plan, run_at  # noqa: PLC0415

    if len(tokens) > 2:
        raise click.UsageError("Give at most two tokens.")
    url = url.rstrip("/")
    with tempfile.TemporaryDirectory(prefix="echo-contract-") as directory:
        local, report = Path(directory) / "openapi.json", Path(directory) / "report.json"
        wanted = {form: path for form in ("junit", "html") if (path := files[form])}
        try:
            claimed = claimed_document(url, document)
            local.write_text(json.dumps(claimed), encoding="utf-8")
            reports = {**wanted, "json": report}
            plan = Plan(
                local, max(1, int(minutes * 60)), seed, (), only, exclude, tokens=tokens, reports=reports
            )
            outcome = run_at(url, plan)
        except DocumentUnusable as error:
            fail(for_people(str(error)), EXIT_DATA)
        except ServerUnusable as error:
            fail(for_people(str(error)), EXIT_UNAVAILABLE)
        click.echo(outcome.report)
        if report.is_file():
            write_reports(json.loads(report.read_text(encoding="utf-8")), document or "openapi.json", files)
    sys.exit(outcome.exit_code)


def write_reports(found: dict[str, Any], document: str, files: dict[str, Path | None]) -> None:
    """The reports that are made of Schemathesis's JSON: it as it is, and SARIF."""
    from echo.testing.sarif import sarif  # noqa: PLC0415

    for path, content in ((files["json"], found), (files["sarif"], sarif(found, document))):
        if path:
            path.write_text(json.dumps(content, indent=2), encoding="utf-8")


@contract.command()
@click.argument("url", required=False)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def init(*, url: str | None, force: bool) -> None:
    """Write schemathesis.toml for `schemathesis run`: the login, hooks, and what is no finding.

    The users are in schemathesis-users.json beside it. With URL they are registered at that server.

    \b
    echo-api contract init http://127.0.0.1:3080
    schemathesis run http://127.0.0.1:3080/openapi.json --url http://127.0.0.1:3080
    """
    needs_schemathesis()
    from echo.testing.accounts import ServerUnusable, prepare_users, wfc  # noqa: PLC0415
    from echo.testing.configuration import NOT_TRIED, configuration  # noqa: PLC0415
    from echo.testing.running import HOOKS, REPLACED  # noqa: PLC0415

    users, target = Path("schemathesis-users.json"), Path("schemathesis.toml")
    for path in (users, target):
        if path.exists() and not force:
            fail(f"{path} is there already; --force replaces it.", EXIT_NO)
    try:
        if url:
            prepare_users(url.rstrip("/"))
    except ServerUnusable as error:
        fail(for_people(str(error)), EXIT_UNAVAILABLE)
    users.write_text(json.dumps(wfc(()), indent=2) + "\n", encoding="utf-8")
    content = configuration(users, hooks=HOOKS, without=NOT_TRIED, replaced=REPLACED)
    target.write_text(content, encoding="utf-8")
    click.echo(f"{target} and {users} are written.", err=True)


def needs_schemathesis() -> None:
    """End with the extra's name where it is not installed."""
    if find_spec("schemathesis") is None:
        fail("This needs Schemathesis: pip install 'echo-api[contract]'.", EXIT_CONFIG)
