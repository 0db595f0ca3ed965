"""Agents: make, share, change and delete them, and look for others' in the marketplace."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.services import Services
from echo.tools.builtin.manifest import listed
from handlers.librechat.schemas import actions
from handlers.librechat.schemas import agents as schemas
from handlers.paging import all_items

Json = dict[str, Any]
MAX_LIMIT = 1000


def list_agents(
    services: Services,
    caller: Caller,
    *,
    limit: int,
    required_permission: int,
    category: str | None = None,
    promoted: int | None = None,
    search: str | None = None,
    cursor: str | None = None,
) -> Json | Pending:
    """One page of the agents that were shared with the caller, their own included, the last changed first."""
    text = (search or "").strip()

    def page(stop: Any = None) -> Json:
        found = services.agents.list_page(
            caller,
            category=(category or "").strip() or None,
            promoted=None if promoted is None else promoted == 1,
            search=text or None,
            needed=required_permission,
            limit=max(1, min(limit, MAX_LIMIT)),
            cursor=cursor,
            stop=stop,
        )
        data = schemas.listed_agent.dump_all(found.items)
        return {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
            "has_more": found.next_cursor is not None,
            "after": found.next_cursor,
        }

    return services.conversations.searches.pending(caller.id, page) if text else page()


def create_agent(services: Services, caller: Caller, *, body: Json) -> Json:
    """Make an agent."""
    return schemas.agent.dump_one(services.agents.create(caller, schemas.agent_fields.load(body)))


def get_agent(services: Services, caller: Caller, *, agent_id: str) -> Json:
    """An agent: all of it for who may change it, for others what they need to use it."""
    agent, may_edit = services.agents.get(caller, agent_id)
    return (schemas.agent if may_edit else schemas.seen_agent).dump_one(agent)


def get_expanded_agent(services: Services, caller: Caller, *, agent_id: str) -> Json:
    """All of an agent, for who may change it."""
    return schemas.agent.dump_one(services.agents.expanded(caller, agent_id))


def update_agent(services: Services, caller: Caller, *, agent_id: str, body: Json) -> Json:
    """Change what is named of an agent."""
    return schemas.agent.dump_one(services.agents.update(caller, agent_id, schemas.changes(body)))


def delete_agent(services: Services, caller: Caller, *, agent_id: str) -> Json:
    """Delete an agent, for everybody whom it was shared with."""
    services.agents.delete(caller, agent_id)
    return {"message": "Agent deleted"}


def duplicate_agent(services: Services, caller: Caller, *, agent_id: str) -> Json:
    """Make a copy of an agent, the caller's own, with its actions."""
    agent, copied = services.actions.service.duplicate(caller, agent_id)
    return {"agent": schemas.agent.dump_one(agent), "actions": actions.action.dump_all(copied)}


def revert_agent(services: Services, caller: Caller, *, agent_id: str, body: Json) -> Json:
    """Give an agent the fields of one of its versions."""
    return schemas.agent.dump_one(services.agents.revert(caller, agent_id, body["version_index"]))


def list_agent_versions(services: Services, caller: Caller, *, agent_id: str) -> list[Json] | JsonItems:
    """What an agent was, the oldest first."""
    return all_items(schemas.version, services.agents.versions(caller, agent_id))


def list_agent_categories(services: Services, caller: Caller) -> list[Json]:
    """The categories, with how many agents of each the caller may see."""
    return schemas.category.dump_all(services.agents.categories(caller))


def list_agent_tools(services: Services, caller: Caller) -> list[Json]:
    """The built-in tools that agents can be given."""
    return listed(services.settings.tools)
