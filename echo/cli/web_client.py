"""`echo-api web-client`: the web client in the data directory."""

import os
from dataclasses import asdict
from pathlib import Path

import click

from echo.cli.common import EXIT_CONFIG, EXIT_NO, EXIT_UNAVAILABLE, data_dir_option, fail, json_option
from echo.cli.output import for_people, progress_bar, show_one

# sysexits.h: what was given is not what it should be.
EXIT_DATA = 65


@click.group("web-client")
def web_client() -> None:
    """Install LibreChat's web client, which `echo-api serve` then serves.

    It lies in the data directory. ECHO_WEB_CLIENT names another one, or switches it off.
    """


@web_client.command()
@click.option("--version", help="Version of LibreChat, such as v0.8.8-rc1 or latest.  [default: v0.8.8-rc1]")
@click.option(
    "--from",
    "source",
    metavar="IMAGE|FILE|DIR",
    help="Another image, an image in a file (docker save), or a directory with a built client.  "
    "[default: ghcr.io/danny-avila/librechat]",
)
@click.option(
    "--plain-http", is_flag=True, help="Ask the registry over HTTP. On this machine that is the default."
)
@data_dir_option
def install(version: str | None, source: str | None, data_dir: Path | None, *, plain_http: bool) -> None:
    """Install a web client, by default from LibreChat's official image. Docker is not needed.

    The image is read once, some hundred megabytes, and only the client is kept. A server that runs keeps the client
    that it has until it is restarted.

    \b
    echo-api web-client install
    echo-api web-client install --version v0.8.7
    echo-api web-client install --from librechat.tar
    """
    # Imported here: the other commands need none of it.
    from echo.webclient import install as installing  # noqa: PLC0415

    place = _data_dir(data_dir)
    try:
        found = installing.open_source(source, version, plain_http=plain_http)
        if installing.is_installed(place, found):
            click.echo(f"{for_people(found.name)} is installed already.")
            return
        with progress_bar("Installing", found.size, in_bytes=True) as show:
            done = 0

            def moved(size: int) -> None:
                nonlocal done
                done += size
                show(done)

            record = installing.install(place, found, moved)
    except installing.Unreachable as error:
        fail(for_people(str(error)), EXIT_UNAVAILABLE)
    except installing.InstallError as error:
        fail(for_people(str(error)), EXIT_DATA)
    click.echo(
        f"Installed {for_people(record.source)}: {record.files} files, {record.bytes / 1e6:.1f} MB. "
        "`echo-api serve` serves it; restart a server that runs."
    )


@web_client.command()
@json_option
@data_dir_option
def show(data_dir: Path | None, *, as_json: bool) -> None:
    """Show which web client is installed. The exit code is 1 if there is none."""
    from echo.webclient.files import NotAClient  # noqa: PLC0415
    from echo.webclient.installed import home, read_record  # noqa: PLC0415

    place = _data_dir(data_dir)
    try:
        record = read_record(place)
    except NotAClient as error:
        fail(for_people(f"The web client {error}."), EXIT_CONFIG)
    if record is None:
        fail("No web client is installed.", EXIT_NO)
    show_one({**asdict(record), "directory": str(home(place) / record.directory)}, as_json=as_json)


@web_client.command()
@data_dir_option
def remove(data_dir: Path | None) -> None:
    """Remove the installed web client. A server that runs keeps its own until it is restarted."""
    from echo.webclient.failures import Unreachable  # noqa: PLC0415
    from echo.webclient.installed import RECORD, changing, home  # noqa: PLC0415
    from echo.webclient.installed import remove as remove_installed  # noqa: PLC0415

    place = _data_dir(data_dir)
    if not (home(place) / RECORD).exists():
        fail("No web client is installed.", EXIT_NO)
    try:
        with changing(place) as directory:
            remove_installed(directory)
    except Unreachable as error:
        fail(str(error), EXIT_UNAVAILABLE)
    click.echo("Removed. `echo-api serve` serves the API alone.")


def _data_dir(given: Path | None) -> Path:
    """The data directory, for which no other setting has to be right."""
    from echo.settings import SettingsError, data_dir_of  # noqa: PLC0415
    from echo.settings.env_file import read_env_file  # noqa: PLC0415

    if given:
        return given.absolute()
    try:
        return data_dir_of({**read_env_file(Path(".env")), **os.environ})
    except (SettingsError, UnicodeError) as error:
        fail(
            str(error) if isinstance(error, SettingsError) else ".env cannot be read: it is not UTF-8.",
            EXIT_CONFIG,
        )
