"""The section `endpoints` over what the environment says of the providers."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from echo.settings.addresses import base_of, is_web_address
from echo.settings.endpoints import USER_PROVIDED, ProviderSettings, normal_name
from echo.settings.librechat.azure import read_azure
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.document import Place
from echo.settings.librechat.fields import Loaded, whole
from echo.settings.librechat.headers import Headers, read_headers

BUILT_IN = ("openAI", "google", "anthropic", "assistants", "bedrock")
# Names that LibreChat keeps for itself.
RESERVED = frozenset({*BUILT_IN, "azureOpenAI", "azureAssistants", "agents", "custom", "gptPlugins"})
LEFT_OUT = "the endpoint is left out"


def with_endpoints(
    config: ConfigFile, providers: Mapping[str, ProviderSettings]
) -> Mapping[str, ProviderSettings]:
    """The providers as the file changes them, then those that it adds."""
    endpoints = config.section("endpoints")
    everywhere = endpoints.get("all", {})
    found = dict(providers)
    for name in BUILT_IN:
        if name in endpoints or everywhere:
            found[name] = _built_in(config, found[name], endpoints.get(name, {}), everywhere)
    if azure := endpoints.get("azureOpenAI"):
        found["azureOpenAI"] = replace(
            read_azure(config, found["azureOpenAI"], azure), prices=azure.get("tokenConfig", {})
        )
    found["azureOpenAI"] = _titled(found["azureOpenAI"], azure or {}, everywhere)
    for provider in _customs(config, endpoints.get("custom", []), everywhere):
        found[provider.name] = provider
    return found


def _titled(provider: ProviderSettings, own: Loaded, everywhere: Loaded) -> ProviderSettings:
    """With titles as LibreChat decides: what is said of all endpoints comes before what one says itself."""
    said = {**own, **everywhere}
    return replace(
        provider,
        title_conversations=said.get("titleConvo", provider.title_conversations),
        title_model=said.get("titleModel", provider.title_model),
        # Here what an endpoint says itself comes first.
        tool_result_chars=whole(own.get("maxToolResultChars", everywhere.get("maxToolResultChars"))),
    )


def _built_in(
    config: ConfigFile, provider: ProviderSettings, own: Loaded, everywhere: Loaded
) -> ProviderSettings:
    place: Place = ("endpoints", provider.name)
    changed = _titled(provider, own, everywhere)
    headers = _headers(config, place, own, everywhere).over(Headers(dict(changed.headers), {}))
    changed = replace(
        changed,
        headers=headers.fixed,
        personal_headers=headers.personal,
        prices=own.get("tokenConfig", {}),
    )
    if models := _models(own.get("models", [])):
        changed = replace(changed, models=models, fetch_models=_fetch(own.get("models")))
    if key := config.expand((*place, "apiKey"), own.get("apiKey"), "the endpoint has no key"):
        changed = _with_key(changed, key)
    if address := _address(config, (*place, "baseURL"), own.get("baseURL"), "it is not used"):
        changed = _with_address(changed, address)
    return changed


def _headers(config: ConfigFile, place: Place, own: Loaded, everywhere: Loaded) -> Headers:
    """Those of an endpoint over those of all."""
    common = read_headers(config, ("endpoints", "all", "headers"), everywhere.get("headers", {}))
    return read_headers(config, (*place, "headers"), own.get("headers", {})).over(common)


def _customs(config: ConfigFile, listed: list[Loaded], everywhere: Loaded) -> Iterator[ProviderSettings]:
    seen: set[str] = set()
    for index, own in enumerate(listed):
        place: Place = ("endpoints", "custom", index)
        name = own.get("name", "").strip()
        if name in RESERVED:
            config.refuse((*place, "name"), "must not be the name of an endpoint that LibreChat has itself")
        elif name and name in seen:
            config.refuse((*place, "name"), "stands in the list twice")
        elif provider := _custom(config, place, own, everywhere):
            yield provider
        seen.add(name)


def _custom(config: ConfigFile, place: Place, own: Loaded, everywhere: Loaded) -> ProviderSettings | None:
    models = own.get("models", {})
    listed, fetch = _models(models), _fetch(models)
    lacking = [name for name in ("name", "apiKey", "baseURL") if not _said(own.get(name))]
    if lacking or not (listed or fetch):
        config.warn(place, f"lacks {', '.join(lacking) or 'models'}: {LEFT_OUT}")
        return None
    keys = _keys(config, (*place, "apiKey"), own["apiKey"])
    address = _address(config, (*place, "baseURL"), own["baseURL"], LEFT_OUT)
    if not keys or not address:
        return None
    headers = _headers(config, place, own, everywhere)
    provider = ProviderSettings(
        name=normal_name(own["name"].strip()),
        type=own.get("provider", "custom"),
        custom=True,
        models=listed,
        # The list of an Anthropic is asked for like OpenAI's by LibreChat, which finds none there.
        fetch_models=fetch,
        headers=headers.fixed,
        personal_headers=headers.personal,
        model_display_label=own.get("modelDisplayLabel"),
        icon_url=own.get("iconURL"),
        drop_parameters=tuple(own.get("dropParams", ())),
        add_parameters=own.get("addParams", {}),
        think_tags=own.get("thinkTags", True),
        prices=own.get("tokenConfig", {}),
    )
    provider = _with_key(_titled(provider, own, everywhere), keys[0])
    return _with_address(replace(provider, further_keys=keys[1:]), address)


def _said(value: Any) -> bool:
    """Whether a text is not blank, or a text of a list is not."""
    return any(each.strip() for each in value) if isinstance(value, list) else bool((value or "").strip())


def _keys(config: ConfigFile, place: Place, said: str | list[str]) -> tuple[str, ...]:
    """The keys of an endpoint, each once; empty where there is none."""
    if isinstance(said, str):
        key = config.expand(place, said, LEFT_OUT)
        return (key,) if key else ()
    named = (config.expand((*place, index), each, "the key is left out") for index, each in enumerate(said))
    keys = tuple(dict.fromkeys(key.strip() for key in named if key and key.strip()))
    if USER_PROVIDED in keys:
        config.refuse(place, f"must be a list of keys, or {USER_PROVIDED} alone")
    elif not keys:
        config.warn(place, f"has no key that is set: {LEFT_OUT}")
    return keys


def _with_key(provider: ProviderSettings, key: str) -> ProviderSettings:
    if key == USER_PROVIDED:
        return replace(provider, api_key=None, further_keys=(), user_provides_key=True)
    return replace(provider, api_key=key, further_keys=(), user_provides_key=False)


def _with_address(provider: ProviderSettings, address: str) -> ProviderSettings:
    if address == USER_PROVIDED:
        return replace(provider, base_url=None, user_provides_url=True)
    return replace(provider, base_url=base_of(provider.type, address), user_provides_url=False)


def _address(config: ConfigFile, place: Place, text: str | None, otherwise: str) -> str | None:
    address = config.expand(place, text, otherwise)
    if not address or address == USER_PROVIDED or is_web_address(address):
        return address
    config.refuse(place, "must be an http or https URL")
    return None


def _models(models: Any) -> tuple[str, ...]:
    """The names in a list, or in an object with `default`; each may be an object with a `name`."""
    listed = models.get("default", []) if isinstance(models, dict) else models
    return tuple(each["name"] if isinstance(each, dict) else each for each in listed)


def _fetch(models: Any) -> bool:
    return isinstance(models, dict) and bool(models.get("fetch"))
