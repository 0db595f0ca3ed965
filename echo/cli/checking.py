"""`echo-api check`."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echo.cli.common import EXIT_NO, data_dir_option, json_option
from echo.cli.output import for_people, print_json

if TYPE_CHECKING:
    from echo.doctor import Finding

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}


@click.command()
@click.option(
    "--offline", is_flag=True, help="Do not contact providers, MCP servers, speech and mail servers."
)
@data_dir_option
@json_option
def check(*, offline: bool, data_dir: Path | None, as_json: bool) -> None:
    """Check this set-up: say what is wrong, and what to do about it.

    Checks settings, keys, disk, database, indexes, providers, MCP servers, speech and mail. Works even if `serve`
    cannot start. The exit code is 1 if something failed; a warning is not a failure. Without MONGO_URI the command
    starts the embedded database for the check, unless it is already running.
    """
    from echo.doctor import Status, begin, examine  # noqa: PLC0415

    environ = dict(os.environ)
    if data_dir is not None:
        environ["ECHO_DATA_DIR"] = str(data_dir.absolute())
    env_file = Path(".env")
    findings = []
    examined = begin(
        environ, env_file if env_file.is_file() else None, Path("librechat.yaml"), offline=offline
    )
    for finding in examine(examined):
        findings.append(finding)
        if not as_json:
            show(finding)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    if any(finding.status is Status.FAILED for finding in findings):
        sys.exit(EXIT_NO)


def show(finding: "Finding") -> None:
    """One line: how it stands, what it is about, what was found and what to do."""
    status = click.style(f"{finding.status:<8}", fg=COLOURS[finding.status])
    todo = f". {finding.todo}" if finding.todo else ""
    click.echo(f"{status} {finding.about}: {for_people(finding.what.rstrip('.') + todo)}")
