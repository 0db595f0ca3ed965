"""The command line: `echo-api`. Each module holds the commands of one subject, imported when they are asked for."""

import errno
import io
import sys
from importlib import import_module
from typing import Any, NamedTuple

import click

from echo import __version__


class Place(NamedTuple):
    """Where a command is: its module and its name there; and what the list of commands says of it."""

    module: str
    name: str
    summary: str


# The commands by their names; a test holds the summaries against the commands themselves.
COMMANDS = {
    "agent": Place("agents", "agent", "List, show and run agents."),
    "balance": Place("balance", "balance", "Show and change balances."),
    "chat": Place("chatting", "chat", "Chat with a model in the terminal."),
    "check": Place("checking", "check", "Check this set-up: say what is wrong, and what to do about it."),
    "contract": Place("contract", "contract", "Test clients and servers against OpenAPI documents."),
    "export": Place("transfer", "export", "Export all conversations of an account."),
    "files": Place("files", "files", "Where users' files lie."),
    "group": Place("groups", "group", "Manage groups."),
    "import": Place("transfer", "import_", "Import the conversations of an export into an account."),
    "invite": Place("invites", "invite", "Invite people to register."),
    "key": Place("keys", "key", "Manage API keys, with which programs come to /v1."),
    "mail": Place("mails", "mail", "Try the mail server."),
    "mcp": Place("mcp_servers", "mcp", "Show and try the MCP servers of librechat.yaml."),
    "migrate": Place("migrating", "migrate", "Create the indexes that the database lacks."),
    "role": Place("roles", "role", "Manage roles and their permissions."),
    "secrets": Place(
        "secret_keys", "secrets_", "Make the secrets that are missing, as lines for a .env file."
    ),
    "serve": Place("serving", "serve", "Start the server."),
    "stats": Place("stats", "stats", "Count users, conversations, messages and files."),
    "usage": Place("usage", "usage", "Sum what was used of models, and what it cost."),
    "user": Place("users", "user", "Manage accounts."),
    "web-client": Place("web_client", "web_client", "Install LibreChat's web client."),
}


class Commands(click.Group):
    """Ends with one sentence where the output, or a directory, cannot be written or read."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the alphabet."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; its module is imported now, and those of no other."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        found: click.Command = getattr(import_module(f"{__name__}.{place.module}"), place.name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what the table says: importing them all takes half a second."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a pipe that is closed is click's to deal with."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            # Not above: what it imports takes longer than the list of commands.
            import_module(f"{__name__}.ending").end_without_output(error)


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
