"""`echo-api agent ...`: agents of all users, for the operator."""

from itertools import islice
from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import find_account
from echo.cli.agent_runs import run
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.output import for_people, show_one, show_rows

COLUMNS = ("id", "name", "provider", "model", "author", "category", "tools", "updatedAt")
# What is shown of an agent beside these, where it says something.
MORE = (
    *("description", "instructions", "model_parameters", "conversation_starters", "edges", "agent_ids"),
    *("subagents", "recursion_limit", "artifacts", "tool_resources", "version", "createdAt"),
)


@click.group()
def agent() -> None:
    """List, show and run agents. Name an AGENT by its id, which begins with agent_."""


agent.add_command(run)


@agent.command(name="list")
@click.option("--author", metavar="USER", help="Only those that this user has made.")
@click.option("--search", help="Only those with this text in name, description or id.")
@click.option(
    "--limit", type=click.IntRange(0), default=100, show_default=True, help="At most so many; 0 for all."
)
@json_option
@data_dir_option
def list_agents(
    *, author: str | None, search: str | None, limit: int, as_json: bool, data_dir: Path | None
) -> None:
    """List agents, the last changed first."""
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415
    from storage.operator.agent_directory import AgentDirectory  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        owner = str(find_account(AccountDirectory(database), author)["_id"]) if author else None
        found = AgentDirectory(database).list(author=owner, search=search)
        rows = [about(each) for each in islice(found, limit or None)]
    show_rows(rows, COLUMNS, as_json=as_json)


@agent.command()
@click.argument("agent_id", metavar="AGENT")
@json_option
@data_dir_option
def show(*, agent_id: str, as_json: bool, data_dir: Path | None) -> None:
    """Show how an agent is made, and to whom it is shared."""
    from storage.core.errors import NotFound  # noqa: PLC0415
    from storage.operator.agent_directory import AgentDirectory  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        directory = AgentDirectory(database)
        try:
            found = directory.get(agent_id)
        except NotFound:
            fail(f"There is no agent {for_people(agent_id)!r}.", EXIT_NO)
        grants = [shared(each) for each in directory.grants(found)]
    more = {name: found[name] for name in MORE if found.get(name) not in (None, "", [], {})}
    show_one(
        {**about(found), **more, "shared": grants if as_json else list(map(told, grants))}, as_json=as_json
    )


def about(found: dict[str, Any]) -> dict[str, Any]:
    """An agent on one line of a list."""
    tools = found.get("tools")
    author = found.get("authorEmail") or found.get("author")
    return {
        **{name: found.get(name) for name in COLUMNS},
        "author": str(author) if author else None,
        "tools": [each for each in tools if isinstance(each, str)] if isinstance(tools, list) else [],
    }


def shared(entry: dict[str, Any]) -> dict[str, Any]:
    """A grant: to whom, for chats ("agent") or for programs ("remoteAgent"), and its bits."""
    return {
        "for": entry.get("resourceType"),
        "to": entry.get("principalType"),
        "id": str(entry["principalId"]) if entry.get("principalId") else None,
        "bits": entry.get("permBits"),
    }


def told(grant: dict[str, Any]) -> str:
    """The same for people."""
    who = " ".join(filter(None, (grant["to"], grant["id"])))
    return f"{grant['for']}: {who} ({grant['bits']})"
