"""Which models there are beside those that chat, and which one a name means."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from echo.chat.agents import AGENTS
from echo.completions.agents import is_agent
from echo.completions.models import Reach
from echo.completions.objects import Json, model_object
from echo.errors import NotFound
from echo.providers.chat import Credentials
from echo.providers.errands import Endpoint, Errand, Flow
from echo.providers.operations import Wanted
from echo.settings import ProviderSettings

T = TypeVar("T")


@dataclass(frozen=True)
class Picked:
    """One model at one endpoint, for one caller; what to ask of it is the provider's to take or refuse."""

    endpoint: Endpoint
    settings: ProviderSettings
    wanted: Wanted
    credentials: Credentials | None

    async def ask(self, errand: Errand[T]) -> T:
        """The model's answer."""
        return await self.endpoint.ask(errand, self.credentials)

    def pour(self, flow: Flow[T]) -> AsyncGenerator[T, None]:
        """The model's answer as it comes."""
        return self.endpoint.pour(flow, self.credentials)


class Offers:
    """Finds models of any kind.

    An endpoint has those that its settings name, those of `named` (`endpoint/model`), and, where the settings leave
    the list to the provider or the key is the caller's own, whatever the provider lists for that key. An operator who
    names models has named all that the server's key may be used for.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], named: Iterable[str]) -> None:
        self._endpoints = endpoints
        self._named: dict[str, set[str]] = defaultdict(set)
        for name in named:
            if endpoint := self._endpoint_of(name):
                self._named[endpoint].add(name.removeprefix(f"{endpoint}/"))

    async def choose(self, reach: Reach, wanted: str) -> Picked:
        """The model of that name. Raises `NotFound` (`model_not_found`), also where several endpoints have it.

        At an endpoint for which there is no key any model will do: the provider says that the key is missing. What
        the caller's API key does not open there is not.
        """
        if endpoint := self._endpoint_of(wanted):
            model = wanted.removeprefix(f"{endpoint}/")
            if await self._has(reach, endpoint, model, keyless=True):
                return self._picked(reach, endpoint, model)
        having = [endpoint for endpoint in self._endpoints if await self._has(reach, endpoint, wanted)]
        if len(having) > 1:
            reason = (
                f"Several endpoints have that model; name it as one of them has it: {having[0]}/{wanted}."
            )
            raise NotFound(reason, code="model_not_found")
        if not having:
            raise NotFound("There is no such model here.", code="model_not_found")
        return self._picked(reach, having[0], wanted)

    async def find(self, reach: Reach, wanted: str) -> Json:
        """The model of that name in OpenAI's shape, whether it chats or not. Raises as `choose` does.

        An agent is found where it is listed, whether or not there is a key for its own model.
        """
        if reach.agents and is_agent(wanted):
            agent_id = wanted.removeprefix(f"{AGENTS}/")
            if agent_id not in await asyncio.to_thread(reach.agents.names, reach.caller):
                raise NotFound("There is no such model here.", code="model_not_found")
            return model_object(AGENTS, agent_id)
        try:
            chosen = await reach.choose(wanted)
            endpoint, model = chosen.endpoint.name, chosen.model
        except NotFound:
            picked = await self.choose(reach, wanted)
            endpoint, model = picked.settings.name, picked.wanted.model
        if not reach.has_key(endpoint):
            raise NotFound("There is no such model here.", code="model_not_found")
        return model_object(endpoint, model)

    def _endpoint_of(self, name: str) -> str | None:
        """The endpoint that a name begins with; the longest, as one's name may begin like another's."""
        found = (endpoint for endpoint in self._endpoints if name.startswith(f"{endpoint}/"))
        return max(found, key=len, default=None)

    async def _has(self, reach: Reach, endpoint: str, model: str, *, keyless: bool = False) -> bool:
        """Whether the caller gets that model there; `keyless` is the answer where there is no key to ask with."""
        if not reach.may_ask(endpoint, model):
            return False
        return model in await self._models(reach, endpoint) if reach.has_key(endpoint) else keyless

    async def _models(self, reach: Reach, endpoint: str) -> set[str]:
        settings, credentials = reach.settings[endpoint], reach.credentials.get(endpoint)
        names = {*settings.models, *self._named[endpoint]}
        if settings.fetch_models or credentials is not None:
            names.update(await self._endpoints[endpoint].offered(credentials))
        return names

    def _picked(self, reach: Reach, endpoint: str, model: str) -> Picked:
        settings = reach.settings[endpoint]
        placeholders = reach.variables.headers(settings, conversationId=None)
        return Picked(
            self._endpoints[endpoint],
            settings,
            Wanted(model, placeholders),
            reach.credentials.get(endpoint),
        )
