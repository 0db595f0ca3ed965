"""LibreChat's built-in tools as a source of tools for runs."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial

from echo.settings.agents import AgentSettings
from echo.settings.tools import ToolSettings
from echo.tools.builtin import openai_pictures, other_pictures, searches, weather
from echo.tools.builtin.builtin import Bench, Builtin
from echo.tools.builtin.calculator import CALCULATOR
from echo.tools.builtin.calculator import NAME as CALCULATOR_NAME
from echo.tools.builtin.keys import UserValues, Values, values_for
from echo.tools.builtin.shelf import PictureShelf
from echo.tools.outbound import Outbound
from echo.tools.tool import Offer, RunPlace, RunTool, Wanted

CAPABILITY = "tools"
BUILTINS: Mapping[str, Builtin] = {
    each.spec.name: each
    for each in (
        *searches.SEARCHES,
        weather.WEATHER,
        *openai_pictures.OPENAI_PICTURES,
        *other_pictures.OTHER_PICTURES,
    )
}
ADDRESSES: Mapping[str, str] = {
    **searches.ADDRESSES,
    **weather.ADDRESSES,
    **openai_pictures.ADDRESSES,
    **other_pictures.ADDRESSES,
}
# Who has the one has the other: LibreChat's list knows only the first.
TOGETHER = {"image_gen_oai": ("image_gen_oai", "image_edit_oai")}
NAMES = frozenset({*BUILTINS, CALCULATOR_NAME})


class BuiltinTools:
    """A `ToolSource`. A tool is there if the operator or the user who runs it has its keys."""

    def __init__(
        self,
        settings: ToolSettings,
        agents: AgentSettings,
        user_values: UserValues,
        outbound: Outbound,
        *,
        shelf: PictureShelf,
        addresses: Mapping[str, str] = ADDRESSES,
    ) -> None:
        self._settings = settings
        self._on = agents.can(CAPABILITY)
        self._user_values = user_values
        self._outbound = outbound
        self._shelf = shelf
        self._addresses = addresses

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        """See `ToolSource`."""
        names = self._names(wanted.names)
        chosen = [BUILTINS[name] for name in names if name in BUILTINS]
        values = await self._values(place.owner, chosen)
        tools = [
            RunTool(each.spec, partial(each.call, self._bench(place, values[each.spec.name])))
            for each in chosen
            if all(values[each.spec.name].get(*group) for group in each.fields)
        ]
        return Offer((*([CALCULATOR] if CALCULATOR_NAME in names else []), *tools))

    def _names(self, wanted: Iterable[str]) -> list[str]:
        if not self._on:
            return []
        listed = [name for name in wanted if self._settings.has(name)]
        found = [each for name in listed for each in TOGETHER.get(name, (name,))]
        return list(dict.fromkeys(name for name in found if name in NAMES))

    async def _values(self, owner: str, chosen: Iterable[Builtin]) -> dict[str, Values]:
        own = {name for each in chosen for name in each.names} - set(self._settings.values)
        # Where a tool's address is the user's, so is its key: all of its fields are looked for.
        own |= {name for each in chosen if own & set(each.addresses) for name in each.names}
        user = await asyncio.to_thread(self._user_values, owner, own) if own else {}
        operator = self._settings.values
        found = {}
        for each in chosen:
            values = values_for(each.names, operator, user, addresses=each.addresses)
            more = {name: operator[name] for name in each.more if name in operator}
            found[each.spec.name] = Values({**values.found, **more}, values.of_user)
        return found

    def _bench(self, place: RunPlace, values: Values) -> Bench:
        return Bench(self._outbound, values, place, self._shelf, self._addresses)
