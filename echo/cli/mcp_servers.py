"""`echo-api mcp ...`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from echo.cli.common import EXIT_CONFIG, EXIT_NO, data_dir_option, fail, json_option, read_settings
from echo.cli.output import for_people, print_json

if TYPE_CHECKING:
    from echo.settings import Settings
    from echo.settings.mcp import McpServer


@click.group()
def mcp() -> None:
    """Show and try the MCP servers of librechat.yaml."""


@mcp.command(name="list")
@json_option
@data_dir_option
def list_(*, as_json: bool, data_dir: Path | None) -> None:
    """List the servers: how each is reached, and what it needs of users."""
    servers = [_shown(each) for each in _settings(data_dir).mcp.servers]
    if as_json:
        print_json(servers)
        return
    for each in servers:
        needs = f"  needs {', '.join(each['needs'])}" if each["needs"] else ""
        click.echo(f"{each['name']}  {each['type']}  {for_people(each['where'])}{needs}")
    if not servers:
        click.echo("librechat.yaml has no mcpServers.", err=True)


@mcp.command()
@click.argument("name")
@click.option("--set", "values", metavar="NAME=VALUE", multiple=True, help="A value for a placeholder.")
@json_option
@data_dir_option
def test(*, name: str, values: tuple[str, ...], as_json: bool, data_dir: Path | None) -> None:
    """Connect to the server NAME, and list its tools.

    The exit code is 0 if it answers, also if it only wants users to log in; else 1, and the line says how far the
    connection came. A value for one of `customUserVars`, or for a placeholder such as LIBRECHAT_USER_EMAIL, is given
    by --set.
    """
    from echo.tools.mcp.trying import try_server  # noqa: PLC0415

    settings = _settings(data_dir).mcp
    server = next((each for each in settings.servers if each.name == name), None)
    if server is None:
        fail(f"librechat.yaml has no MCP server {name}, or it was left out: see echo-api check.", EXIT_CONFIG)
    given = dict(each.partition("=")[::2] for each in values)
    tried = asyncio.run(try_server(settings, server, given))
    if as_json:
        print_json({"name": name, "works": tried.works, "told": tried.told, "tools": list(tried.tools)})
    else:
        click.echo(f"{name}: {for_people(tried.told)} ({tried.seconds:.1f} s)", err=not tried.works)
        for tool in tried.tools:
            click.echo(f"  {for_people(tool)}")
    if not tried.works:
        raise SystemExit(EXIT_NO)


def _settings(data_dir: Path | None) -> "Settings":
    return read_settings({"data_dir": data_dir})


def _shown(server: "McpServer") -> dict[str, str | list[str]]:
    """Never an argument, a header, or more of an address than its host: there may be secrets."""
    host = urlsplit(server.url.texts[0]).hostname if server.url else None
    needs = [*server.variables, *(["a login"] if server.uses_oauth else [])]
    needs += ["a token of the OpenID provider"] if server.obo else []
    return {
        "name": server.name,
        "type": server.type,
        "where": server.command or host or "where users say",
        "needs": needs,
    }
