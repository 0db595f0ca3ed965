"""The command line: `echo-api`. Each module holds the commands of one subject."""

import click

from echo import __version__
from echo.cli.checking import check
from echo.cli.migrating import migrate
from echo.cli.serving import serve
from echo.cli.transfer import export, import_


@click.group()
@click.version_option(__version__, prog_name="echo-api")
def main() -> None:
    """Echo, a contract-first chat backend."""


main.add_command(check)
main.add_command(migrate)
main.add_command(serve)
main.add_command(export)
main.add_command(import_)
