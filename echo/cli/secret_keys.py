"""`echo-api secrets`."""

import os
import secrets
from pathlib import Path

import click

from echo.cli.common import EXIT_CONFIG, fail
from echo.cli.output import for_people

# For MongoDB's root and for Echo's user there, in compose.yaml. They stand in an address: only letters and digits.
COMPOSE = ("MONGO_ROOT_PASSWORD", "ECHO_DB_PASSWORD")
CREDENTIALS = ("CREDS_KEY", "CREDS_IV")


@click.command("secrets")
@click.option(
    "--add-to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Add the secrets to this .env file (mode 600) instead of printing them. What it sets stays as it is.",
)
@click.option("--compose", is_flag=True, help="Also make the two MongoDB passwords that compose.yaml needs.")
def secrets_(*, add_to: Path | None, compose: bool) -> None:
    """Make the secrets that are missing, as lines for a .env file.

    These are JWT_SECRET, JWT_REFRESH_SECRET, CREDS_KEY and CREDS_IV. The command leaves out those that the
    environment or .env sets. It takes keys that Echo has made in its data directory from there.

    On LibreChat's database, use LibreChat's own secrets instead. With others, Echo cannot read stored provider keys
    and second factors.

    \b
    echo-api secrets --add-to .env             for a MongoDB of your own
    echo-api secrets --compose --add-to .env   for compose.yaml
    """
    from echo.settings.env_writing import CannotAdd, add_to_env_file  # noqa: PLC0415

    file = add_to or Path(".env")
    try:
        lacking = _lacking(file, compose=compose)
        if add_to is None:
            for name, value in lacking.items():
                click.echo(f"{name}={value}")
            return
        added = add_to_env_file(add_to, lacking)
    except CannotAdd as error:
        fail(f"Nothing was added to {for_people(str(file))}: {error}.", EXIT_CONFIG)
    except UnicodeError:
        fail(f"{for_people(str(file))} cannot be read: it is not UTF-8.", EXIT_CONFIG)
    click.echo(
        f"Added to {for_people(str(add_to))}: {', '.join(added)}" if added else "No secret is missing."
    )


def _lacking(file: Path, *, compose: bool) -> dict[str, str]:
    """The secrets that neither the environment nor the file sets, each with a value for it."""
    from echo.serving.keys import MAKERS, kept_secrets  # noqa: PLC0415
    from echo.settings.env_file import read_env_file  # noqa: PLC0415
    from echo.settings.reader import SettingsError  # noqa: PLC0415

    present = {**read_env_file(file), **os.environ}
    if bool(present.get("CREDS_KEY")) != bool(present.get("CREDS_IV")):
        there, missing = CREDENTIALS if present.get("CREDS_KEY") else reversed(CREDENTIALS)
        fail(
            f"{there} is set and {missing} is not. They belong together: set the {missing} that was used with it, "
            f"or take {there} out.",
            EXIT_CONFIG,
        )
    values = {name.upper(): make() for name, make in MAKERS.items()}
    try:
        # Those of containers are in none of this machine's directories.
        values |= {} if compose else kept_secrets(present)
    except SettingsError as error:
        fail(str(error), EXIT_CONFIG)
    values |= {name: secrets.token_hex(32) for name in COMPOSE} if compose else {}
    return {name: value for name, value in values.items() if not present.get(name)}
