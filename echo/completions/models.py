"""Which models a caller reaches, and which one a name means: `endpoint/model`, or a model that one endpoint has."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from echo.accounts.metering import Spending
from echo.accounts.user_keys import KeyService
from echo.chat.agents import AGENTS
from echo.chat.endpoints import Chosen as ChatChosen
from echo.chat.respondent import Respondent
from echo.chat.variables import Variables
from echo.completions.agents import AgentModels, is_agent
from echo.errors import ApiError, NotFound, Unprocessable
from echo.handling.caller import Caller
from echo.providers.chat import ChatProvider, ChatRequest, Credentials, Providers
from echo.settings import ProviderSettings
from echo.settings.endpoints import BESIDE, normal_name
from echo.settings.model_access import EVERYTHING, Opened
from storage.accounts.users import UserRepository


@dataclass(frozen=True)
class Chosen:
    """One model at one endpoint, with the caller's own key where there is one."""

    provider: ChatProvider
    endpoint: ProviderSettings
    model: str
    credentials: Credentials | None
    # What becomes of a request to it; an agent adds what it is made of.
    prepare: Callable[[ChatRequest], ChatRequest] = lambda request: request
    # The provider for one request that may ask its model again, which must be paid for each time.
    reserving: Callable[[Spending], ChatProvider] | None = None


@dataclass(frozen=True)
class Reach:
    """What one caller reaches: what the user reaches, as far as it is open to the user and the API key opens it."""

    providers: Providers
    settings: Mapping[str, ProviderSettings]
    credentials: Mapping[str, Credentials | None]
    variables: Variables
    caller: Caller
    opened: Opened = EVERYTHING
    agents: AgentModels | None = None

    def may_ask(self, endpoint: str, model: str) -> bool:
        """Whether a model is open to the caller; whether there is one is not asked."""
        return self.caller.may_ask(endpoint, model) and self.opened.may_ask(endpoint, model)

    async def models(self) -> list[tuple[str, str]]:
        """Pairs of endpoint and model for everything for which there is a key."""
        names = [name for name in self.providers if self.has_key(name)]
        found = await asyncio.gather(*(self._models_of(name) for name in names))
        return [
            (name, model)
            for name, models in zip(names, found, strict=True)
            for model in models
            if self.may_ask(name, model)
        ]

    async def all(self) -> list[tuple[str, str]]:
        """The models, then the agents that the caller may ask."""
        agents = await asyncio.to_thread(self.agents.names, self.caller) if self.agents else []
        return [*await self.models(), *((AGENTS, each) for each in agents)]

    async def choose(self, wanted: str) -> Chosen:
        """The model, or the agent, of that name.

        Raises `NotFound`, also for a bare name that several endpoints have; `Forbidden` where agents are not for the
        caller's role, `Unprocessable` for an agent whose endpoint is not to be had.
        """
        if self.agents and is_agent(wanted):
            found = await asyncio.to_thread(self.agents.find, self.caller, wanted, self.variables)
            return self._agent(self.agents, found)
        endpoints = [name for name in self.providers if wanted.startswith(f"{name}/")]
        # The longest first: one endpoint's name may begin like another's.
        for endpoint in sorted(endpoints, key=len, reverse=True):
            model = wanted.removeprefix(f"{endpoint}/")
            may_ask = self.may_ask(endpoint, model)
            if may_ask and model in await self.providers[endpoint].models(self.credentials.get(endpoint)):
                return self._chosen(endpoint, model)
        having = [endpoint for endpoint, model in await self.models() if model == wanted]
        if len(having) > 1:
            reason = (
                f"Several endpoints have that model; name it as one of them has it: {having[0]}/{wanted}."
            )
            raise NotFound(reason, code="model_not_found")
        if not having:
            raise NotFound("There is no such model; GET /v1/models lists them.", code="model_not_found")
        return self._chosen(having[0], wanted)

    def _agent(self, agents: AgentModels, found: Respondent) -> Chosen:
        named = normal_name(found.endpoint)
        endpoint = named if named in self.providers else BESIDE.get(named, named)
        model = str((found.fixed or {}).get("model"))
        if endpoint not in self.providers or not self.has_key(endpoint):
            raise Unprocessable("There is no key for the agent's model.", code="endpoint_unavailable")
        if not self.opened.may_ask(endpoint, model):
            raise NotFound("There is no such agent.", code="model_not_found")
        inner = self._chosen(endpoint, model)
        asked = ChatChosen(endpoint, inner.endpoint, inner.provider, inner.credentials, self.opened)
        provider = agents.provider(self.caller, found, asked, self.variables)
        return replace(inner, provider=provider, prepare=provider.request, reserving=provider.paying)

    def _chosen(self, endpoint: str, model: str) -> Chosen:
        return Chosen(
            self.providers[endpoint], self.settings[endpoint], model, self.credentials.get(endpoint)
        )

    def has_key(self, endpoint: str) -> bool:
        """Whether there is a key for the endpoint, the server's or the caller's own."""
        return self.settings[endpoint].available or self.credentials.get(endpoint) is not None

    async def _models_of(self, endpoint: str) -> tuple[str, ...]:
        try:
            return await self.providers[endpoint].models(self.credentials.get(endpoint))
        except ApiError:
            # One endpoint that cannot be asked does not hide the others.
            return ()


class Models:
    """Finds out what a caller reaches."""

    def __init__(
        self,
        providers: Providers,
        settings: Sequence[ProviderSettings],
        keys: KeyService,
        users: UserRepository,
        opened: Callable[[str], Opened] = lambda _owner: EVERYTHING,
        *,
        agents: AgentModels | None = None,
    ) -> None:
        self._agents = agents
        self._providers = providers
        self._opened = opened
        self._users = users
        self._settings = {each.name: each for each in settings}
        self._keys = keys

    def may_ask(self, caller: Caller, endpoint: str, model: str) -> bool:
        """Whether a model is open to the caller; whether there is one is not asked."""
        return caller.may_ask(endpoint, model) and self._opened(caller.id).may_ask(endpoint, model)

    def reach_of(self, caller: Caller) -> Reach:
        """What the caller reaches; asks the database for the keys that the user has brought, and for the user."""
        credentials = {name: self._keys.credentials(caller.id, name) for name in self._providers}
        variables = Variables(lambda: self._users.get(caller.id))
        if any(each.is_personal for each in self._settings.values()):
            variables.read_user()
        opened = self._opened(caller.id)
        return Reach(self._providers, self._settings, credentials, variables, caller, opened, self._agents)
