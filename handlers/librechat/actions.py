"""Actions of agents: other people's APIs as tools, and logins at their services."""

from typing import Any

from echo.accounts.cookies import must_be_secure
from echo.handling.caller import Caller, ClientInfo
from echo.handling.pending import Pending
from echo.services import Services
from handlers.librechat.schemas import actions as schemas
from handlers.librechat.schemas import agents

Json = dict[str, Any]


def list_agent_actions(services: Services, caller: Caller) -> list[Json]:
    """The actions of agents that the caller may change."""
    return schemas.action.dump_all(services.actions.service.list(caller))


def save_agent_action(services: Services, caller: Caller, *, agent_id: str, body: Json) -> list[Json]:
    """Give an agent an action, or change one of its own."""
    agent, action = services.actions.service.save(caller, agent_id, **schemas.new_action.load(body))
    return [agents.agent.dump_one(agent), schemas.action.dump_one(action)]


def delete_agent_action(services: Services, caller: Caller, *, agent_id: str, action_id: str) -> Json:
    """Take an action from an agent."""
    services.actions.service.delete(caller, agent_id, action_id)
    return {"message": "Action deleted successfully"}


def bind_action_login(
    services: Services, caller: Caller, client: ClientInfo, *, action_id: str
) -> tuple[Json, int, Json]:
    """Give the browser the cookie with which it may come back from a login at the action's service."""
    secure = must_be_secure(client, services.settings.secure_cookies)
    return {"success": True}, 200, {"Set-Cookie": services.actions.logins.cookie(caller.id, secure=secure)}


def finish_action_login(
    services: Services,
    *,
    action_id: str,
    echo_action_login: str | None = None,
    code: str | None = None,
    state: str | None = None,
) -> Pending:
    """Keep what a browser brings back from a login, and send it to a page that says so."""

    async def finish() -> tuple[None, int, Json]:
        place = await services.actions.logins.come_back(action_id, code, state, echo_action_login)
        headers = {"Location": place, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return None, 302, headers

    return Pending(finish)
