"""What the commands have in common: settings, exit codes, a database to work on."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from echo.settings import Settings

# sysexits.h, where it has a name for the case; 1 is "done, and the answer is no", 2 is click's for a wrong call.
EXIT_NO = 1
EXIT_UNAVAILABLE = 69
EXIT_IO = 74
EXIT_CONFIG = 78

# Options that are read with the settings: addresses that nobody sets have the port.
READ_AS_SET = {"port": "PORT", "web_client": "ECHO_WEB_CLIENT"}

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the embedded database, files and keys (ECHO_DATA_DIR).",
)


def can_be_written(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """The callback of an option for a file that is written at the end: that this cannot be is told at once."""
    if path is not None and not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        raise click.BadParameter(f"No file can be written in {path.absolute().parent}.")
    return path


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--json` of every command that shows something."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs, instead of text.")(
        command
    )


def read_settings(options: dict[str, Any]) -> "Settings":
    """The settings of environment, `.env` and `librechat.yaml`, with the command line's options over them."""
    # Imported here: `--help` needs none, and the workers of a server should load before.
    from echo.settings import SettingsError, load_settings  # noqa: PLC0415

    env_file = Path(".env")
    given = {name: value for name, value in options.items() if value is not None}
    read = {variable: str(given.pop(name)) for name, variable in READ_AS_SET.items() if name in given}
    try:
        settings = load_settings(
            {**os.environ, **read},
            env_file=env_file if env_file.is_file() else None,
            config_file=Path("librechat.yaml"),
        )
    except SettingsError as error:
        fail(str(error), EXIT_CONFIG)
    except (OSError, UnicodeError) as error:
        # Its content may be a secret, and so is not shown.
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        fail(f"{env_file} cannot be read: {why}.", EXIT_CONFIG)
    if "data_dir" in given:
        given["data_dir"] = given["data_dir"].absolute()
    if settings.extra_authorities:
        # Imported here: few have any, and it takes longer than all the rest.
        from echo.trust import believe  # noqa: PLC0415

        believe(settings.extra_authorities)
    return replace(settings, **given)


def fail(message: str, code: int) -> NoReturn:
    """Say why and stop."""
    click.echo(f"echo-api: {message}", err=True)
    sys.exit(code)


@contextmanager
def unavailable_ends() -> Iterator[None]:
    """Stop with one sentence where a database or an address is not to be had."""
    # Imported here: `--help` and `--version` need none of them.
    from echo.serving.listening import AddressUnavailable  # noqa: PLC0415
    from storage.core.errors import AccessDenied, InvalidDocument, Unavailable  # noqa: PLC0415
    from storage.embedded import EmbeddedUnavailable  # noqa: PLC0415

    try:
        yield
    except (EmbeddedUnavailable, AddressUnavailable) as error:
        fail(str(error), EXIT_UNAVAILABLE)
    except AccessDenied:
        fail(
            "The database at MONGO_URI does not allow that: user or password are wrong, or the user has not the "
            "role readWrite. `echo-api check` says which.",
            EXIT_UNAVAILABLE,
        )
    except Unavailable:
        fail("The database at MONGO_URI does not answer. `echo-api check` says why.", EXIT_UNAVAILABLE)
    except InvalidDocument:
        # Of the arguments: what is no text of this locale comes as lone surrogates.
        fail("What was given is no text that can be stored: it is not UTF-8.", EXIT_NO)


@contextmanager
def opened(data_dir: Path | None, *, indexes: bool = True) -> Iterator[tuple["Settings", Any]]:
    """Complete settings and an open `storage.core.database.Database` for one command; `indexes` makes what lacks.

    Without `MONGO_URI` it is the embedded database: the server of an Echo that runs on the same data directory, or
    one that lives as long as the command.
    """
    from echo.serving.preparing import prepare  # noqa: PLC0415
    from echo.serving.serve import database_for  # noqa: PLC0415
    from storage.core.database import Database  # noqa: PLC0415

    settings = read_settings({"data_dir": data_dir})
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with unavailable_ends(), database_for(settings) as (complete, _):
        if indexes:
            prepare(complete)
        database = Database(str(complete.mongo_uri))
        try:
            yield complete, database
        finally:
            database.close()
