"""Which model a name means where models need not chat."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.variables import Variables
from echo.completions.models import Reach
from echo.errors import NotFound
from echo.handling.caller import Caller, KeyGrant
from echo.programs.offers import Offers
from echo.providers.chat import Credentials
from echo.providers.errands import Endpoint
from echo.settings import ProviderSettings

OWN = Credentials("sk-own")
CALLER = Caller("0" * 24, "1" * 24, "ada@example.com", "ada", "local", "USER")


class Listing(Endpoint):
    """An endpoint whose provider lists these."""

    def __init__(self, *listed: str) -> None:
        self._listed = listed

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        return ("chats",)

    async def offered(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        return self._listed

    async def ask(self, errand: Any, credentials: Credentials | None = None) -> Any:
        raise NotImplementedError

    def pour(self, flow: Any, credentials: Credentials | None = None) -> AsyncGenerator[Any, None]:
        raise NotImplementedError


ENDPOINTS: dict[str, Endpoint] = {
    "listing": Listing("embeds", "speaks/well"),
    "listing/too": Listing("draws"),
    "named": Listing("embeds", "hidden"),
    "own": Listing("embeds", "sings"),
}
SETTINGS = {
    "listing": ProviderSettings("listing", "custom", (), api_key="k", fetch_models=True),
    "listing/too": ProviderSettings("listing/too", "custom", (), api_key="k", fetch_models=True),
    "named": ProviderSettings("named", "custom", ("configured",), api_key="k"),
    "own": ProviderSettings("own", "custom", ("chats",), user_provides_key=True),
}


def choose(wanted: str, named: Sequence[str] = (), **credentials: Credentials) -> tuple[str, str]:
    reach = Reach(ENDPOINTS, SETTINGS, credentials, Variables(dict), CALLER)
    picked = asyncio.run(Offers(ENDPOINTS, named).choose(reach, wanted))
    return picked.settings.name, picked.wanted.model


class TestChoose:
    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ("listing/embeds", ("listing", "embeds")),
            ("listing/speaks/well", ("listing", "speaks/well")),
            ("listing/too/draws", ("listing/too", "draws")),
            ("embeds", ("listing", "embeds")),
            ("speaks/well", ("listing", "speaks/well")),
            ("named/configured", ("named", "configured")),
            ("configured", ("named", "configured")),
            # The provider says that a key is missing.
            ("own/anything", ("own", "anything")),
        ],
    )
    def test_by_what_an_endpoint_has(self, wanted: str, found: tuple[str, str]) -> None:
        assert choose(wanted) == found

    @pytest.mark.parametrize("wanted", ["named/hidden", "hidden", "sings", "listing/", "", "/", "listing/x"])
    def test_what_nobody_has_is_not_found(self, wanted: str) -> None:
        with pytest.raises(NotFound) as refused:
            choose(wanted)
        assert refused.value.code == "model_not_found"

    def test_an_operator_can_name_more(self) -> None:
        assert choose("named/hidden", ["named/hidden", "nowhere/x"]) == ("named", "hidden")
        assert choose("hidden", ["named/hidden"]) == ("named", "hidden")

    def test_ones_own_key_has_what_it_has(self) -> None:
        assert choose("own/sings", own=OWN) == ("own", "sings")
        with pytest.raises(NotFound):
            choose("own/anything", own=OWN)

    def test_two_that_have_it_are_one_too_many(self) -> None:
        with pytest.raises(NotFound, match="listing/embeds"):
            choose("embeds", own=OWN)

    @pytest.mark.parametrize(
        ("opened", "wanted", "found"),
        [
            ("listing/*", "embeds", "listing"),
            ("listing/embeds", "listing/embeds", "listing"),
            ("named/*", "listing/embeds", None),
            ("named/*", "embeds", None),
            ("named/*", "own/anything", None),
        ],
    )
    def test_what_an_api_key_does_not_open_is_not_there(
        self, opened: str, wanted: str, found: str | None
    ) -> None:
        caller = replace(CALLER, key=KeyGrant("2" * 24, (opened,)))
        choosing = Offers(ENDPOINTS, ()).choose(
            Reach(ENDPOINTS, SETTINGS, {}, Variables(dict), caller), wanted
        )
        if found:
            assert asyncio.run(choosing).settings.name == found
        else:
            with pytest.raises(NotFound):
                asyncio.run(choosing)


class TestFind:
    def find(self, wanted: str) -> str:
        reach = Reach(ENDPOINTS, SETTINGS, {}, Variables(dict), CALLER)
        return str(asyncio.run(Offers(ENDPOINTS, ()).find(reach, wanted))["id"])

    def test_of_any_kind(self) -> None:
        assert self.find("listing/chats") == "listing/chats"
        assert self.find("listing/embeds") == "listing/embeds"

    def find_agent(self, wanted: str) -> dict[str, Any]:
        agents: Any = SimpleNamespace(names=lambda caller: ["agent_a"] if caller is CALLER else [])
        reach = Reach(ENDPOINTS, SETTINGS, {}, Variables(dict), CALLER, agents=agents)
        return asyncio.run(Offers(ENDPOINTS, ()).find(reach, wanted))

    @pytest.mark.parametrize("wanted", ["agents/agent_a", "agent_a"])
    def test_of_an_agent_that_is_listed_whatever_its_model(self, wanted: str) -> None:
        found = {"id": "agents/agent_a", "object": "model", "created": 0, "owned_by": "agents"}
        assert self.find_agent(wanted) == found

    def test_of_no_agent_that_is_not_listed(self) -> None:
        with pytest.raises(NotFound, match="There is no such model here"):
            self.find_agent("agents/agent_b")

    @pytest.mark.parametrize("wanted", ["own/chats", "own/anything", "nothing"])
    def test_not_without_a_key(self, wanted: str) -> None:
        with pytest.raises(NotFound):
            self.find(wanted)
