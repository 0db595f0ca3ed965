"""Which tools an agent, or a chat with tools switched on, is to have: as far as agents may have them here.

What the user's role allows is asked by each kind of tools itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from echo.chat.attachments import purposes_of
from echo.settings.agents import AgentSettings
from echo.tools.tool import Wanted
from storage.agents.shapes import files_by_purpose

Document = Mapping[str, Any]
# By LibreChat's words for capabilities; what has no entry needs "tools".
CAPABILITY = {
    "file_search": "file_search",
    "execute_code": "execute_code",
    "web_search": "web_search",
    "set_memory": "memory",
    "delete_memory": "memory",
    "memory": "memory",
}
ACTION = "_action_"
LASTING = "stateful_code_sessions"
MOST_NAMES = 1000
SWITCHES = ("execute_code", "file_search", "web_search", "memory")
# All tools of a server, and how LibreChat's client says that no server is chosen.
WHOLE_SERVER = "sys__all__sys_mcp_"
NO_SERVERS = "sys__clear__sys"


def allowed(names: Iterable[Any], rules: AgentSettings) -> tuple[str, ...]:
    """Those of the names whose capability is on; old documents may hold anything."""
    texts = dict.fromkeys(each for each in names if isinstance(each, str) and each)
    return tuple(each for each in texts if rules.can(capability_of(each)))[:MOST_NAMES]


def capability_of(name: str) -> str:
    """The capability that a tool needs."""
    if ACTION in name:
        return "actions"
    return CAPABILITY.get(name, "tools")


def wanted_of(agent: Document, rules: AgentSettings) -> Wanted:
    """What an agent asks for."""
    tools = agent.get("tools")
    return Wanted(
        names=allowed(tools if isinstance(tools, list) else [], rules),
        files=files_by_purpose(agent),
        agent_id=str(agent.get("id")),
        author=str(agent["author"]) if agent.get("author") else None,
        code_environment=lasting_environment(agent) if rules.can(LASTING) else None,
    )


def lasting_environment(agent: Document) -> str | None:
    """Who shares the session of an agent's programs, as LibreChat reads it; None where none lasts."""
    if agent.get(LASTING) is not True:
        return None
    said = agent.get("stateful_code_environment")
    return said if said in ("agent-user", "conversation") else "user"


def toggled(names: Iterable[str], rules: AgentSettings) -> Wanted:
    """What is switched on for a mere model, by the request or by its model spec."""
    return Wanted(names=allowed(names, rules))


def with_files(wanted: Wanted, records: Iterable[Document]) -> Wanted:
    """The same with files of the chat itself: those that were uploaded to be searched, or to be worked with."""
    files = {name: list(ids) for name, ids in wanted.files.items()}
    for record in records:
        for purpose in purposes_of(record):
            ids = files.setdefault(purpose, [])
            if record["file_id"] not in ids:
                ids.append(str(record["file_id"]))
    return replace(wanted, files=files)


def switches(said: Document, servers: Iterable[Any] = ()) -> tuple[str, ...]:
    """The names of tools that are switched on, by LibreChat's names of the switches; servers come with all theirs."""
    on = [name for name in SWITCHES if said.get(name) is True]
    chosen = [each for each in servers if isinstance(each, str) and each and each != NO_SERVERS]
    return (*on, *(f"{WHOLE_SERVER}{each}" for each in dict.fromkeys(chosen)))
