"""Which model a name means."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.request import Asked
from echo.chat.respondent import Respondent
from echo.chat.variables import Variables
from echo.completions.models import Chosen, Reach
from echo.errors import BadGateway, NotFound, Unprocessable
from echo.handling.caller import Caller, KeyGrant
from echo.providers.chat import ChatRequest, Credentials, Event
from echo.settings import ProviderSettings
from echo.settings.model_access import Opened

OWN = Credentials("sk-own")
CALLER = Caller("0" * 24, "1" * 24, "ada@example.com", "ada", "local", "USER")


class Provider:
    """A provider that has models, or fails to list them."""

    def __init__(self, *models: str) -> None:
        self._models = models

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        if not self._models:
            raise BadGateway
        return self._models

    def stream(self, request: ChatRequest, credentials: Credentials | None = None) -> AsyncIterator[Event]:
        raise NotImplementedError

    async def complete(self, *_arguments: Any) -> str:
        raise NotImplementedError


def holding(*models: str) -> Caller:
    """A caller with an API key that opens these models."""
    return replace(CALLER, key=KeyGrant("key", models))


def reach(caller: Caller = CALLER, **credentials: Credentials) -> Reach:
    providers = {
        "a": Provider("one", "shared", "b/two"),
        "a/b": Provider("two"),
        "mine": Provider("three", "shared"),
        "down": Provider(),
    }
    keys = dict.fromkeys(("a", "a/b", "down"), "sk-server")
    settings = {name: ProviderSettings(name, "custom", (), api_key=keys.get(name)) for name in providers}
    return Reach(providers, settings, credentials, Variables(dict), caller)


def choose(name: str, caller: Caller = CALLER, **credentials: Credentials) -> Chosen:
    return asyncio.run(reach(caller, **credentials).choose(name))


class TestModels:
    def test_are_those_for_which_there_is_a_key(self) -> None:
        names = [("a", "one"), ("a", "shared"), ("a", "b/two"), ("a/b", "two")]
        assert asyncio.run(reach().models()) == names
        own = [("mine", "three"), ("mine", "shared")]
        assert asyncio.run(reach(mine=OWN).models()) == names + own


class TestChoose:
    def test_by_endpoint_and_model(self) -> None:
        chosen = choose("mine/three", mine=OWN)
        assert (chosen.endpoint.name, chosen.model, chosen.credentials) == ("mine", "three", OWN)

    def test_the_longest_name_of_an_endpoint_counts(self) -> None:
        assert choose("a/b/two").endpoint.name == "a/b"

    def test_by_a_model_that_one_endpoint_has(self) -> None:
        assert choose("one").endpoint.name == "a"
        assert choose("b/two").endpoint.name == "a"

    def test_two_that_have_it_are_one_too_many(self) -> None:
        assert choose("shared").endpoint.name == "a"
        with pytest.raises(NotFound) as refused:
            choose("shared", mine=OWN)
        assert "a/shared" in refused.value.message

    def test_an_endpoint_that_is_named_need_have_no_key(self) -> None:
        """So that the provider can say that one is missing."""
        assert choose("mine/three").credentials is None

    @pytest.mark.parametrize(
        "name", ["", "/", "a", "a/", "a/two", "b/one", "three", "A/one", "a/one/", "one\0"]
    )
    def test_everything_else_is_not_found(self, name: str) -> None:
        with pytest.raises(NotFound) as refused:
            choose(name)
        assert refused.value.code == "model_not_found"


class TestAKeyThatOpensSomeModels:
    @pytest.mark.parametrize(
        ("opened", "reached"),
        [
            (("a/*",), [("a", "one"), ("a", "shared"), ("a", "b/two")]),
            (("a/b/*",), [("a/b", "two")]),
            (("a/one",), [("a", "one")]),
            (("one", "two"), [("a", "one"), ("a/b", "two")]),
            # The model b/two of a, and the model two of a/b, have one name.
            (("a/b/two",), [("a", "b/two"), ("a/b", "two")]),
            # In full only: it could be the model two of an endpoint b.
            (("b/two",), []),
            (("*", "a", "a/", "A/one", "/one"), []),
        ],
    )
    def test_shows_those_and_answers_to_no_other_name(
        self, opened: tuple[str, ...], reached: list[tuple[str, str]]
    ) -> None:
        caller = holding(*opened)
        assert asyncio.run(reach(caller).models()) == reached
        names = {f"{endpoint}/{model}" for endpoint, model in reached}
        for name in {f"{endpoint}/{model}" for endpoint, model in asyncio.run(reach().models())}:
            if name in names:
                chosen = choose(name, caller)
                assert (chosen.endpoint.name, chosen.model) in reached
                continue
            with pytest.raises(NotFound) as refused:
                choose(name, caller)
            assert refused.value.code == "model_not_found"

    def test_decides_between_two_endpoints_by_what_it_opens(self) -> None:
        assert choose("shared", holding("mine/*"), mine=OWN).endpoint.name == "mine"


class TestModelsThatAreOpenToSome:
    def test_are_reached_by_their_endpoint_and_name(self) -> None:
        """One name at two endpoints is two models."""
        some = replace(reach(mine=OWN), opened=Opened(frozenset({"a/one", "mine/shared"})))
        assert asyncio.run(some.models()) == [("a", "one"), ("mine", "shared")]
        assert asyncio.run(some.choose("mine/shared")).endpoint.name == "mine"
        assert asyncio.run(some.choose("shared")).endpoint.name == "mine"
        for name in ("a/shared", "mine/three", "three"):
            with pytest.raises(NotFound):
                asyncio.run(some.choose(name))
        assert (some.may_ask("a", "one"), some.may_ask("mine", "one")) == (True, False)

    def test_are_those_that_the_key_opens_too(self) -> None:
        some = replace(reach(holding("a/*")), opened=Opened(frozenset({"a/one", "mine/*"})))
        assert asyncio.run(some.models()) == [("a", "one")]


class Agents:
    """Finds one agent, whose model is asked at an endpoint; notes for whom it becomes a provider."""

    def __init__(self, endpoint: str, model: str | None = "one") -> None:
        self.found = Respondent(endpoint, Asked(), fixed={"model": model} if model else None)
        self.made: list[Any] = []

    def find(self, *asked: Any) -> Respondent:
        self.made.append(asked)
        return self.found

    def names(self, _caller: Caller) -> list[str]:
        return ["agent_1"]

    def provider(self, *asked: Any) -> Any:
        self.made.append(asked)
        return SimpleNamespace(request="request", paying="paying")


class TestAgents:
    def choose(self, agents: Agents, name: str = "agents/agent_1", **more: Any) -> Chosen:
        given: Any = agents
        return asyncio.run(replace(reach(mine=OWN), agents=given, **more).choose(name))

    def test_are_models_too(self) -> None:
        agents: Any = Agents("a")
        listed = asyncio.run(replace(reach(), agents=agents).all())
        assert listed[-1] == ("agents", "agent_1")
        assert ("agents", "agent_1") not in asyncio.run(reach().all())

    @pytest.mark.parametrize(
        ("endpoint", "model", "credentials"), [("a", "one", None), ("mine", "three", OWN)]
    )
    def test_ask_their_own_model(self, endpoint: str, model: str, credentials: Any) -> None:
        agents = Agents(endpoint, model)
        chosen = self.choose(agents)
        assert (chosen.endpoint.name, chosen.model, chosen.credentials) == (endpoint, model, credentials)
        assert (chosen.prepare, chosen.reserving) == ("request", "paying")
        (caller, name, _), (same, found, asked, _) = agents.made
        assert (caller, same, name, found) == (CALLER, CALLER, "agents/agent_1", agents.found)
        assert (asked.name, asked.settings.name, asked.credentials) == (endpoint, endpoint, credentials)

    @pytest.mark.parametrize("endpoint", ["unknown", "nobodys"])
    def test_need_a_key_for_it(self, endpoint: str) -> None:
        settings = {**reach().settings, "nobodys": ProviderSettings("nobodys", "custom", ())}
        providers = {**reach().providers, "nobodys": Provider("one")}
        with pytest.raises(Unprocessable, match=r"There is no key for the agent's model\.$") as refused:
            self.choose(Agents(endpoint), settings=settings, providers=providers)
        assert refused.value.code == "endpoint_unavailable"

    def test_are_not_there_for_whom_their_model_is_not(self) -> None:
        with pytest.raises(NotFound, match=r"There is no such agent\.$") as refused:
            self.choose(Agents("a"), opened=Opened(frozenset({"a/shared"})))
        assert refused.value.code == "model_not_found"
        assert self.choose(Agents("a"), opened=Opened(frozenset({"a/one"}))).model == "one"
