"""`echo-api contract test` and `init`: a server against the contract that it claims."""

import json
import sys
import tempfile
from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echo.cli.common import EXIT_CONFIG, EXIT_NO, EXIT_UNAVAILABLE, can_be_written, fail
from echo.cli.output import for_people
from echo.cli.standing_in import EXIT_DATA

if TYPE_CHECKING:
    from echo.testing.sweeps.findings import SweepReport

# The parts of a test: sweeps by their names, and Schemathesis.
FUZZ = "fuzz"
SWEEPS = ("ownership", "streams", "paging", "methods", "errors", "idempotency")

# Neither was anything found, nor is it known that there is nothing.
EXIT_UNTRIED = 75


def file_option(name: str, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that names a file to write."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(name, type=kind, callback=can_be_written, help=help_)


@click.command()
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
@click.option(
    "--sweeps",
    multiple=True,
    type=click.Choice(SWEEPS),
    help="Run only this sweep of them. Repeatable.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="NAME",
    help="Leave out this operation, this sweep, or fuzz: all that Schemathesis does. Repeatable.",
)
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
    sweeps: tuple[str, ...],
    exclude: tuple[str, ...],
    seed: int | None,
    tokens: tuple[str, ...],
    **files: Path | None,
) -> None:
    """Test the server at URL against the contract that it claims.

    First come sweeps, each of which asks one thing of every operation; then Schemathesis, for the rest of the time.
    Use a server whose data does not matter: the test does anything that two users can do, and needs its rate limits
    off. It ends with 0 if it found nothing, with 1 if it found something, and with 75 if it came to try nothing.

    \b
    echo-api contract test http://127.0.0.1:3080 --minutes 2 --junit contract.xml
    """
    needs_schemathesis()
    from echo.testing.accounts import ServerUnusable  # noqa: PLC0415
    from echo.testing.documents import (  # noqa: PLC0415
        DocumentUnreachable,
        DocumentUnusable,
        claimed_document,
    )
    from echo.testing.repeating import how_to_repeat  # noqa: PLC0415
    from echo.testing.running import Plan, run_at  # noqa: PLC0415

    if len(tokens) > 2:
        raise click.UsageError("Give at most two tokens.")
    url = url.rstrip("/")
    with tempfile.TemporaryDirectory(prefix="echo-contract-") as directory:
        local, report = Path(directory) / "openapi.json", Path(directory) / "report.json"
        wanted = {form: path for form in ("junit", "html") if (path := files[form])}
        try:
            click.echo(for_people(f"Testing {url}: {minutes:g} minutes at most."), err=True)
            claimed = claimed_document(url, document)
            know_operations(claimed, (*only, *(each for each in exclude if each not in (*SWEEPS, FUZZ))))
            local.write_text(json.dumps(claimed), encoding="utf-8")
            remove_earlier(files["junit"], files["html"])
            reports = {**wanted, "json": report}
            plan = Plan(
                local,
                max(1, int(minutes * 60)),
                seed,
                only=only,
                without=tuple(each for each in exclude if each not in (*SWEEPS, FUZZ)),
                sweeps=tuple(each for each in sweeps or SWEEPS if each not in exclude),
                fuzz=FUZZ not in exclude,
                tokens=tokens,
                reports=reports,
            )
            outcome = run_at(url, plan)
        except (DocumentUnreachable, ServerUnusable) as error:
            fail(for_people(str(error)), EXIT_UNAVAILABLE)
        except DocumentUnusable as error:
            fail(for_people(str(error)), EXIT_DATA)
        found = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    click.echo(for_users(outcome.report, Path(directory), files["json"]))
    tell_sweeps(outcome.swept, found, document or "openapi.json", files)
    if outcome.exit_code == EXIT_NO and not tokens:
        for line in how_to_repeat(url):
            click.echo(for_people(line))
    if outcome.exit_code == 0 and not tried(outcome.swept, found):
        fail("Nothing was tried: there was too little time, or nothing to try.", EXIT_UNTRIED)
    sys.exit(outcome.exit_code)


def know_operations(document: dict[str, Any], names: tuple[str, ...]) -> None:
    """End where one of these is no operation of the document: it would silently be tried, or not."""
    from echo.testing.operations import Operations  # noqa: PLC0415

    there = [each.id for each in Operations(document).each()]
    if unknown := sorted(set(names) - set(there)):
        like = [near for name in unknown for near in get_close_matches(name, there, 1)]
        hint = f" It has {', '.join(like)}." if like else ""
        raise click.UsageError(f"The document has no operation {', '.join(unknown)}.{hint}")


def remove_earlier(junit: Path | None, html: Path | None) -> None:
    """Remove the reports of an earlier run: the sweeps write into them what they found."""
    for path in (junit, html and html / "index.html"):
        if path:
            path.unlink(missing_ok=True)


def for_users(report: str, private: Path, json_report: Path | None) -> str:
    """What Schemathesis printed, without the files in this command's own directory, which are gone."""
    if json_report:
        report = report.replace(str(private / "report.json"), str(json_report.absolute()))
    lines = [line for line in report.splitlines() if not (line.startswith("  - ") and str(private) in line)]
    return "\n".join(lines).replace("\nReports:\n\n", "\n") + "\n"


def tried(swept: "SweepReport", found: dict[str, Any]) -> int:
    """How many requests and questions there were."""
    return sum(each.tried for each in swept.results) + int(found.get("test_cases", {}).get("generated", 0))


def tell_sweeps(
    swept: "SweepReport", found: dict[str, Any], document: str, files: dict[str, Path | None]
) -> None:
    """What the sweeps found: printed, and in all reports beside what Schemathesis found."""
    from echo.testing.sarif import sarif  # noqa: PLC0415
    from echo.testing.sweeps import telling  # noqa: PLC0415

    if swept.results:
        for line in telling.as_text(swept).splitlines():
            click.echo(for_people(line))
        if path := files["junit"]:
            telling.into_junit(path, swept)
        if path := files["html"]:
            telling.into_html(path, swept)
    whole = telling.into_json(found, swept)
    for path, content in ((files["json"], whole), (files["sarif"], sarif(whole, document))):
        if path:
            path.write_text(json.dumps(content, indent=2), encoding="utf-8")


@click.command()
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
