"""The command line: `echo-api`. Each module holds the commands of one subject."""

import click

from echo import __version__
from echo.cli.chatting import chat
from echo.cli.checking import check
from echo.cli.invites import invite
from echo.cli.migrating import migrate
from echo.cli.serving import serve
from echo.cli.stats import stats
from echo.cli.transfer import export, import_
from echo.cli.users import user


@click.group()
@click.version_option(__version__, prog_name="echo-api")
def main() -> None:
    """Echo, a contract-first chat backend."""


main.add_command(chat)
main.add_command(check)
main.add_command(invite)
main.add_command(migrate)
main.add_command(serve)
main.add_command(export)
main.add_command(import_)
main.add_command(stats)
main.add_command(user)
