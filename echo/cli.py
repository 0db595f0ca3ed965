"""The command line: `echo-api`."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click

from echo import __version__
from echo.logs import configure_logging
from echo.settings import Settings, SettingsError, load_settings

# The exit code for a configuration that cannot work (sysexits.h: EX_CONFIG), and for a missing service.
EXIT_CONFIG = 78
EXIT_UNAVAILABLE = 69


@click.group()
@click.version_option(__version__, prog_name="echo-api")
def main() -> None:
    """Echo, a contract-first chat backend."""


@main.command()
@click.option("--host", help="Address to listen on (HOST; default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (PORT; default 3080; 0: any).")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes (default: one per core).")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the embedded database, files and keys are kept (ECHO_DATA_DIR).",
)
def serve(**options: Any) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    # Imported here: the other commands need neither the server nor the database.
    from echo.listening import AddressUnavailable  # noqa: PLC0415
    from echo.serve import serve as run  # noqa: PLC0415
    from storage.embedded import EmbeddedUnavailable  # noqa: PLC0415
    from storage.errors import Unavailable  # noqa: PLC0415

    settings = read_settings(options)
    configure_logging(settings)
    try:
        run(settings)
    except EmbeddedUnavailable as error:
        fail(str(error), EXIT_UNAVAILABLE)
    except AddressUnavailable as error:
        fail(str(error), EXIT_UNAVAILABLE)
    except Unavailable:
        fail("The database at MONGO_URI does not answer.", EXIT_UNAVAILABLE)


def read_settings(options: dict[str, Any]) -> Settings:
    """The settings of the environment and of `.env`, with the command line's options over them."""
    env_file = Path(".env")
    try:
        settings = load_settings(os.environ, env_file=env_file if env_file.is_file() else None)
    except SettingsError as error:
        fail(str(error), EXIT_CONFIG)
    given = {name: value for name, value in options.items() if value is not None}
    if "data_dir" in given:
        given["data_dir"] = given["data_dir"].absolute()
    return replace(settings, **given)


def fail(message: str, code: int) -> NoReturn:
    """Say why and stop."""
    click.echo(f"echo-api: {message}", err=True)
    sys.exit(code)
