"""Actions as a source of tools for runs of agents."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.errors import Unprocessable
from echo.providers.chat import Tool
from echo.settings.agents import AgentSettings
from echo.settings.tools import ActionSettings
from echo.tools.actions.credentials import KEY, OAUTH, key_headers, kind_of
from echo.tools.actions.document import Described, Operation, described
from echo.tools.actions.domains import (
    DELIMITER,
    SEPARATOR,
    encodings,
    is_allowed,
    is_named,
    is_of,
    split_name,
)
from echo.tools.actions.logins import ActionLogins
from echo.tools.actions.requests import request_of
from echo.tools.outbound import Outbound, Reply
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolFailure, ToolOutput, Wanted
from storage.agents.actions import ActionRepository

CAPABILITY = "actions"
Action = Mapping[str, Any]
# Of a name that providers take.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
UNFIT = re.compile(r"[^A-Za-z0-9_-]")
# How long a user has to log in, as in LibreChat, and how often it is looked whether they have.
LOGIN_SECONDS, LOOK_SECONDS = 120.0, 0.5
TEXTS = ("text/", "application/json", "application/xml", "application/yaml", "application/javascript")


@dataclass(frozen=True)
class _Use:
    """One operation of an action in one run; `name` is what the model calls it."""

    action: Action
    document: Described
    operation: Operation
    place: RunPlace
    name: str


class ActionTools:
    """A `ToolSource`: whoever may use an agent may call its actions, by its maker's credentials."""

    def __init__(
        self,
        settings: ActionSettings,
        agents: AgentSettings,
        actions: ActionRepository,
        *,
        logins: ActionLogins,
        cipher: CredentialsCipher | None,
        outbound: Outbound,
    ) -> None:
        self._settings = settings
        self._on = agents.can(CAPABILITY)
        self._actions = actions
        self._logins = logins
        self._cipher = cipher
        self._outbound = outbound

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        """See `ToolSource`."""
        names = [name for name in wanted.names if split_name(name)]
        if not names or not self._on or wanted.agent_id is None:
            return Offer()
        actions = await asyncio.to_thread(self._described, wanted.agent_id)
        return Offer(tuple(self._tools(names, actions, place)))

    def _described(self, agent_id: str) -> list[tuple[Action, Described]]:
        """The agent's actions with their documents; those that may not be asked are left out."""
        found: list[tuple[Action, Described]] = []
        for action in self._actions.of_agents([agent_id]):
            metadata = action.get("metadata")
            if not isinstance(metadata, Mapping):
                continue
            try:
                document = described(str(metadata.get("raw_spec")))
            except Unprocessable:
                continue
            if self._may_ask(str(metadata.get("domain")), document):
                found.append((action, document))
        return found

    def _may_ask(self, domain: str, document: Described) -> bool:
        return is_of(domain, document.server) and is_allowed(document.server, self._settings.domains)

    def _tools(
        self, names: Sequence[str], actions: Sequence[tuple[Action, Described]], place: RunPlace
    ) -> Iterator[RunTool]:
        for name in names:
            wanted, domain = split_name(name) or ("", "")
            for action, document in actions:
                operation = document.operations.get(wanted)
                if operation is not None and domain in encodings(str(action["metadata"]["domain"])):
                    shown = UNFIT.sub("_", f"{wanted}{DELIMITER}{domain}".replace(SEPARATOR, "_"))
                    if NAME.fullmatch(shown):
                        spec = Tool(shown, operation.description or None, operation.schema)
                        use = _Use(action, document, operation, place, shown)
                        yield RunTool(spec, partial(self._call, use))
                    break

    async def _call(self, use: _Use, called: Called) -> ToolOutput:
        document = use.document
        headers = await self._credentials(use, called)
        request = request_of(document, use.operation, called.arguments, headers)
        # A host that the operator names may be anywhere.
        trusted = is_named(document.server, self._settings.domains or ())
        return _output(await self._outbound.send(replace(request, trusted=trusted)))

    async def _credentials(self, use: _Use, called: Called) -> dict[str, str]:
        metadata = use.action["metadata"]
        kind = kind_of(metadata)
        if kind == KEY:
            return key_headers(metadata, self._cipher)
        if kind == OAUTH:
            token = await self._logins.token(use.place.owner, use.action)
            return {"Authorization": f"Bearer {token or await self._logged_in(use, called)}"}
        return {}

    async def _logged_in(self, use: _Use, called: Called) -> str:
        """Show the user where to log in, as LibreChat's step does, and wait for it."""
        place, action = use.place, use.action
        call = {"id": called.id, "name": use.name, "type": "tool_call_chunk", "args": ""}
        delta = {"type": "tool_calls", "tool_calls": [call]}
        shown = {"auth": self._logins.address(place.owner, action), "expires_at": _soon()}
        _tell(place, called.step_id, {**delta, **shown})
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                while (token := await self._logins.token(place.owner, action)) is None:
                    await asyncio.sleep(LOOK_SECONDS)
                return token
        except TimeoutError:
            raise ToolFailure("The user has not logged in at the service, which this needs.") from None
        finally:
            _tell(place, called.step_id, delta)


def _tell(place: RunPlace, step_id: str, delta: Mapping[str, Any]) -> None:
    place.tell("message", {"event": "on_run_step_delta", "data": {"id": step_id, "delta": dict(delta)}})


def _soon() -> int:
    return int((time.time() + LOGIN_SECONDS) * 1000)


def _output(reply: Reply) -> ToolOutput:
    if reply.status >= 400:
        raise ToolFailure(reply.failure)
    if 300 <= reply.status < 400:
        raise ToolFailure("The service answered with a redirect, which is not followed.")
    if reply.content and not (
        reply.media_type.startswith(TEXTS) or reply.media_type.endswith(("+json", "+xml"))
    ):
        return ToolOutput.of_text(
            f"The service answered with {len(reply.content)} bytes of {reply.media_type}."
        )
    return ToolOutput.of_text(reply.text or f"The service answered with status {reply.status} and no text.")
