"""What the operations of actions do: documents of APIs given to agents by who may change these."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from echo.access.kinds import EDIT, ResourceType
from echo.access.service import Access
from echo.accounts.credentials_cipher import CredentialsCipher
from echo.agents.service import Agents
from echo.errors import NotFound, ServiceUnavailable, Unprocessable
from echo.handling.caller import Caller
from echo.settings.tools import ActionSettings
from echo.tools.actions.credentials import OAUTH, encrypted, kind_of, merged, way_of, without_secrets
from echo.tools.actions.document import Described, described, invalid
from echo.tools.actions.domains import DELIMITER, encoded, encodings, is_allowed, is_named, is_of, tool_name
from echo.tools.actions.logins import is_address
from echo.tools.outbound import Outbound
from storage.accounts.action_tokens import ActionTokenRepository
from storage.agents.actions import ActionRepository
from storage.agents.agents import AgentRepository

Json = dict[str, Any]


class ActionService:
    """Actions of agents that the caller may change. An agent that the caller may not see raises `NotFound`."""

    def __init__(
        self,
        settings: ActionSettings,
        access: Access,
        agents: Agents,
        *,
        actions: ActionRepository,
        stored_agents: AgentRepository,
        tokens: ActionTokenRepository,
        cipher: CredentialsCipher | None,
        outbound: Outbound,
    ) -> None:
        self._settings = settings
        self._access = access
        self._agents = agents
        self._actions = actions
        self._stored_agents = stored_agents
        self._tokens = tokens
        self._cipher = cipher
        self._outbound = outbound

    def list(self, caller: Caller) -> Sequence[Json]:
        """The actions of all agents that the caller may change, without secrets."""
        ids = self._access.accessible(caller, ResourceType.AGENT, EDIT)
        return [_shown(each) for each in self._actions.of_agents(self._stored_agents.ids_of(ids))]

    def save(
        self,
        caller: Caller,
        agent_id: str,
        *,
        functions: Sequence[str],
        metadata: Mapping[str, Any],
        action_id: str | None = None,
    ) -> tuple[Json, Json]:
        """Give an agent an action, or change one of its own; the agent and the action, without secrets.

        Raises `Unprocessable` (`invalid_action`, `action_domain_refused`, `credentials_needed`), `NotFound`,
        `ServiceUnavailable` where no secrets can be kept.
        """
        self._agents.check_change(caller, agent_id)
        stored = self._stored(agent_id, action_id)
        before = dict(stored["metadata"]) if stored else {}
        said = encrypted(metadata, self._require_cipher())
        whole = merged(before, said, moved=self._is_moved(before, {**before, **said}))
        document = self._checked(whole)
        if strange := set(functions) - set(document.operations):
            raise invalid(f"it has no operation {min(strange)[:100]}")
        identifier = action_id or secrets.token_urlsafe(16)
        agent = self._stored_agents.get(agent_id)
        author = str(agent.get("author") or caller.id)
        action = self._actions.save(author, agent_id, identifier, whole)
        if before and self._is_moved(before, whole):
            self._tokens.drop_all(identifier)
        names = [tool_name(each, whole["domain"]) for each in functions]
        gone = _names_of(before) | _names_of(whole)
        entry = f"{encoded(whole['domain'])}{DELIMITER}{identifier}"
        self._stored_agents.change_actions(
            caller.id, agent_id, lambda found: _with(found, identifier, gone, names, entry)
        )
        return self._agents.expanded(caller, agent_id), _shown(action)

    def duplicate(self, caller: Caller, agent_id: str) -> tuple[Json, Sequence[Json]]:
        """A copy of an agent, and its actions without secrets: those of the original, which stay where they are.

        As in LibreChat no secret is copied, whoever's it is: who has the copy enters credentials of their own.
        """
        copies: list[Json] = []

        def give(new_id: str) -> Sequence[str]:
            entries = []
            for each in self._actions.of_agents([agent_id]):
                identifier, metadata = secrets.token_urlsafe(16), without_secrets(each.get("metadata"))
                copies.append(self._actions.save(caller.id, new_id, identifier, metadata))
                entries.append(f"{encoded(str(metadata.get('domain') or ''))}{DELIMITER}{identifier}")
            return entries

        return self._agents.duplicate(caller, agent_id, give), [_shown(each) for each in copies]

    def delete(self, caller: Caller, agent_id: str, action_id: str) -> None:
        """Take an action from an agent, with its tools and the logins of its users."""
        self._agents.check_change(caller, agent_id)
        stored = self._stored(agent_id, action_id)
        gone = _names_of(dict(stored["metadata"])) if stored else set()
        self._actions.delete(agent_id, action_id)
        self._tokens.drop_all(action_id)
        self._stored_agents.change_actions(
            caller.id, agent_id, lambda found: _with(found, action_id, gone, (), None)
        )

    def _stored(self, agent_id: str, action_id: str | None) -> Json | None:
        """The action of that id; raises `NotFound` for one that is not the agent's."""
        if action_id is None:
            return None
        found = self._actions.find(action_id)
        if (
            found is None
            or found.get("agent_id") != agent_id
            or not isinstance(found.get("metadata"), Mapping)
        ):
            raise NotFound
        return found

    def _checked(self, metadata: Json) -> Described:
        """The document of an action, if it may be asked. Raises `Unprocessable`."""
        domain = metadata.get("domain")
        if not isinstance(domain, str) or not domain:
            raise invalid("no domain is named")
        document = described(str(metadata.get("raw_spec") or ""))
        if not is_of(domain, document.server):
            raise invalid("its server is of another domain than the one that is named")
        rules = self._settings.domains
        if not is_allowed(document.server, rules):
            raise _not_allowed()
        if not (is_named(document.server, rules or ()) or self._outbound.admits(document.server)):
            raise _not_allowed()
        if kind_of(metadata) == OAUTH:
            auth = metadata["auth"]
            if not is_address(str(auth.get("authorization_url") or "")):
                raise invalid("its authorization_url is no address")
            if not self._outbound.admits(str(auth.get("client_url") or "")):
                raise _not_allowed()
        return document

    @staticmethod
    def _is_moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        if not before:
            return False
        return way_of(before) != way_of(after) or _server_of(before) != _server_of(after)

    def _require_cipher(self) -> CredentialsCipher:
        if self._cipher is None:
            raise ServiceUnavailable(
                "Keys cannot be kept on this server.", code="keys_unavailable"
            ) from RuntimeError("CREDS_KEY and CREDS_IV are not set")
        return self._cipher


def _not_allowed() -> Unprocessable:
    return Unprocessable("Actions may not ask that domain.", code="action_domain_refused")


def _shown(action: Mapping[str, Any]) -> Json:
    return {**action, "metadata": without_secrets(action.get("metadata"))}


def _server_of(metadata: Mapping[str, Any]) -> str | None:
    try:
        return str(described(str(metadata.get("raw_spec") or "")).server)
    except Unprocessable:
        return None


def _names_of(metadata: Mapping[str, Any]) -> set[str]:
    """The tools that an action can have, by all their names."""
    try:
        operations = described(str(metadata.get("raw_spec") or "")).operations
    except Unprocessable:
        return set()
    return {
        f"{name}{DELIMITER}{each}"
        for name in operations
        for each in encodings(str(metadata.get("domain") or ""))
    }


def _with(agent: Json, action_id: str, gone: set[str], names: Sequence[str], entry: str | None) -> Json:
    tools = [each for each in agent.get("tools") or [] if isinstance(each, str) and each not in gone]
    actions = [
        each
        for each in agent.get("actions") or []
        if isinstance(each, str) and each.rpartition(DELIMITER)[2] != action_id
    ]
    return {
        "tools": list(dict.fromkeys([*tools, *names])),
        "actions": [*actions, *([entry] if entry else [])],
    }
