"""The start-up configuration, endpoints and banners as LibreChat's client reads them."""

from collections.abc import Iterable
from typing import Any

from echo.chat.context import known_window
from echo.credits.prices import OWN_NAMES, Prices, Rates
from echo.providers.catalog import Endpoint
from handlers.schemas.base import Flag, Identifier, Moment, Output, Text

Json = dict[str, Any]


class BannerSchema(Output):
    """A document of `banners`."""

    _id = Identifier(data_key="_id")
    banner_id = Text(data_key="bannerId", dump_default="")
    message = Text(dump_default="")
    display_from = Moment(data_key="displayFrom")
    display_to = Moment(data_key="displayTo")
    type = Text()
    is_public = Flag(data_key="isPublic")
    persistable = Flag()
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")


banner = BannerSchema()


def endpoints(offered: Iterable[Endpoint], agents: Json) -> dict[str, Json]:
    """`TEndpointsConfig`: what can be used, with the server's key or with one that the user brings.

    `agents` are there where they may be of at least one of these.
    """
    usable = {each.name: _endpoint(each) for each in offered if each.available or each.user_provides_key}
    asked = [name for name in agents["allowedProviders"] if name in usable]
    last = max((each["order"] for each in usable.values()), default=0) + 1
    return {**usable, "agents": {**agents, "allowedProviders": asked, "order": last}} if asked else usable


def windows(offered: Iterable[Endpoint], prices: Prices | None) -> dict[str, dict[str, Json]]:
    """The windows in tokens of the models that are known, by endpoint, and with `prices` what they cost."""
    found = {
        each.name: {
            model: {"context": size, **_price(prices.known(each.name, model) if prices else None)}
            for model in each.models
            if (size := known_window(model))
        }
        for each in offered
    }
    return {name: models for name, models in found.items() if models}


def _price(rates: Rates | None) -> Json:
    if rates is None:
        return {}
    named = zip(OWN_NAMES, (rates.prompt, rates.completion, rates.write, rates.read), strict=True)
    return {name: value for name, value in named if value is not None}


def _endpoint(each: Endpoint) -> Json:
    shown = {
        "order": each.order,
        "type": "custom" if each.type == "custom" else None,
        "userProvide": each.user_provides_key,
        "userProvideURL": each.user_provides_url,
        "modelDisplayLabel": each.model_display_label,
        "iconURL": each.icon_url,
    }
    return {name: value for name, value in shown.items() if value is not None}
