"""The command line: `echo-api`. Each module holds the commands of one subject."""

import errno
import io
import os
import sys
from typing import Any

import click

from echo import __version__
from echo.cli.balance import balance
from echo.cli.chatting import chat
from echo.cli.checking import check
from echo.cli.common import EXIT_IO, fail
from echo.cli.contract import contract
from echo.cli.files import files
from echo.cli.groups import group
from echo.cli.invites import invite
from echo.cli.keys import key
from echo.cli.mails import mail
from echo.cli.migrating import migrate
from echo.cli.output import for_people
from echo.cli.roles import role
from echo.cli.secret_keys import secrets_
from echo.cli.serving import serve
from echo.cli.stats import stats
from echo.cli.transfer import export, import_
from echo.cli.usage import usage
from echo.cli.users import user
from echo.cli.web_client import web_client


class Commands(click.Group):
    """Ends with one sentence where the output, or a directory, cannot be written or read."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a pipe that is closed is click's to deal with."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            if error.filename is None:
                # What is left of the output would fail once more at the end, and change the exit code.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                fail(f"Reading or writing failed: {error.strerror or error}.", EXIT_IO)
            fail(f"{for_people(error.filename)} cannot be read or written: {error.strerror}.", EXIT_IO)


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="echo-api")
def main() -> None:
    """Echo, a contract-first chat backend.

    `echo-api serve` starts the server. `echo-api COMMAND --help` explains a command.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names are in any script, and a terminal or a pipe may be in another encoding than UTF-8.
            stream.reconfigure(errors="backslashreplace")


main.add_command(balance)
main.add_command(chat)
main.add_command(check)
main.add_command(contract)
main.add_command(files)
main.add_command(group)
main.add_command(invite)
main.add_command(key)
main.add_command(mail)
main.add_command(migrate)
main.add_command(role)
main.add_command(secrets_)
main.add_command(serve)
main.add_command(export)
main.add_command(import_)
main.add_command(stats)
main.add_command(usage)
main.add_command(user)
main.add_command(web_client)
