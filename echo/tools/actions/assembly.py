"""How actions are put together; called by the composition root."""

from dataclasses import dataclass

from echo.access.service import Access
from echo.accounts.turns import Turns
from echo.accounts.user_keys import make_cipher
from echo.agents.service import Agents
from echo.settings import Settings
from echo.tools.actions.logins import ActionLogins
from echo.tools.actions.service import ActionService
from echo.tools.actions.source import ActionTools
from echo.tools.outbound import Outbound
from storage.accounts.action_tokens import ActionTokenRepository
from storage.accounts.renewals import RenewalRepository
from storage.agents.actions import ActionRepository
from storage.agents.agents import AgentRepository
from storage.core.database import Database


@dataclass(frozen=True)
class Actions:
    """The operations of actions, logins at their services, and the source of their tools."""

    service: ActionService
    logins: ActionLogins
    source: ActionTools


def build_actions(settings: Settings, database: Database, access: Access, agents: Agents) -> Actions:
    """The parts of actions; nothing is contacted."""
    rules, cipher = settings.tools.actions, make_cipher(settings)
    actions, tokens = ActionRepository(database), ActionTokenRepository(database)
    outbound = Outbound(rules.addresses)
    logins = ActionLogins(
        settings, tokens, actions, cipher, outbound=outbound, turns=Turns(RenewalRepository(database))
    )
    service = ActionService(
        rules,
        access,
        agents,
        actions=actions,
        stored_agents=AgentRepository(database),
        tokens=tokens,
        cipher=cipher,
        outbound=outbound,
    )
    source = ActionTools(rules, settings.agents, actions, logins=logins, cipher=cipher, outbound=outbound)
    return Actions(service, logins, source)
