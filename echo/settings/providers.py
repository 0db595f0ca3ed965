"""The providers of models, under LibreChat's variables; `user_provided` as a key means that the server has none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from echo.settings.addresses import AZURE_VERSION, azure_base, base_of, is_web_address
from echo.settings.endpoints import USER_PROVIDED, AzureDeployment, ProviderLimits, ProviderSettings
from echo.settings.librechat import ConfigFile
from echo.settings.librechat.endpoints import with_endpoints
from echo.settings.reader import Reader, SettingsError

# As LibreChat's `allowedAddresses`: a host, and always a port.
ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+):[1-9][0-9]{0,4}")
HOUR = 3600


@dataclass(frozen=True)
class _Known:
    name: str
    type: str
    key: str
    models_variable: str
    models: tuple[str, ...]
    base_url_variable: str | None = None
    base_url: str | None = None
    title_model_variable: str | None = None
    # Whether its variable may hold several keys, separated by commas: no key of these providers has one.
    several_keys: bool = False
    # As LibreChat: where no models are named, the provider is asked for them.
    lists_models: bool = False


_OPENAI_MODELS = (
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4o",
    "gpt-4o-mini",
    "o3",
    "o4-mini",
)

KNOWN = (
    _Known(
        "openAI",
        "openai",
        "OPENAI_API_KEY",
        "OPENAI_MODELS",
        _OPENAI_MODELS,
        "OPENAI_REVERSE_PROXY",
        "https://api.openai.com/v1",
        "OPENAI_TITLE_MODEL",
        several_keys=True,
        lists_models=True,
    ),
    _Known(
        "azureOpenAI", "azure", "AZURE_API_KEY", "AZURE_OPENAI_MODELS", ("gpt-4.1", "gpt-4o", "gpt-4o-mini")
    ),
    _Known(
        "anthropic",
        "anthropic",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_MODELS",
        ("claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5"),
        "ANTHROPIC_REVERSE_PROXY",
        "https://api.anthropic.com",
        "ANTHROPIC_TITLE_MODEL",
        several_keys=True,
        lists_models=True,
    ),
    _Known(
        "google",
        "google",
        "GOOGLE_KEY",
        "GOOGLE_MODELS",
        ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"),
        "GOOGLE_REVERSE_PROXY",
        "https://generativelanguage.googleapis.com",
        "GOOGLE_TITLE_MODEL",
        several_keys=True,
    ),
    _Known(
        "assistants",
        "assistants",
        "ASSISTANTS_API_KEY",
        "ASSISTANTS_MODELS",
        _OPENAI_MODELS,
        "ASSISTANTS_BASE_URL",
        "https://api.openai.com/v1",
    ),
    _Known(
        "bedrock",
        "bedrock",
        "BEDROCK_AWS_SECRET_ACCESS_KEY",
        "BEDROCK_AWS_MODELS",
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-pro-v1:0"),
    ),
)


def read_providers(reader: Reader, config: ConfigFile) -> tuple[ProviderSettings, ...]:
    """The providers that `ENDPOINTS` allows, all by default, in its order; what `librechat.yaml` says wins.

    Its custom endpoints are always there, in the place that `ENDPOINTS` gives to "custom", else at the end.
    """
    known = {known.name: _read_provider(reader, known) for known in KNOWN}
    known["azureOpenAI"] = _with_azure(reader, known["azureOpenAI"])
    found = with_endpoints(config, known)
    customs = tuple(name for name in found if name not in known)
    wanted = dict.fromkeys(reader.texts("ENDPOINTS", (*known, "custom")))
    if "custom" not in wanted:
        wanted["custom"] = None
    names = (name for each in wanted for name in (customs if each == "custom" else (each,)))
    return tuple(found[name] for name in names if name in found)


def read_provider_limits(reader: Reader) -> ProviderLimits:
    """How long providers may take; the rest is fixed."""
    allowed = reader.texts("ECHO_ALLOWED_ADDRESSES", ())
    if not all(ADDRESS.fullmatch(address) for address in allowed):
        raise SettingsError("ECHO_ALLOWED_ADDRESSES must be host:port, or several separated by commas.")
    return ProviderLimits(
        connect_seconds=reader.whole("ECHO_PROVIDER_CONNECT_SECONDS", 10, minimum=1, maximum=HOUR),
        first_seconds=reader.whole("ECHO_PROVIDER_FIRST_SECONDS", 180, minimum=1, maximum=HOUR),
        chunk_seconds=reader.whole("ECHO_PROVIDER_CHUNK_SECONDS", 90, minimum=1, maximum=HOUR),
        stream_seconds=reader.whole("ECHO_PROVIDER_STREAM_SECONDS", 1800, minimum=1, maximum=24 * HOUR),
        attempts=reader.whole("ECHO_PROVIDER_ATTEMPTS", 3, minimum=1, maximum=10),
        allowed_addresses=allowed,
    )


def _read_provider(reader: Reader, known: _Known) -> ProviderSettings:
    key, *further = _keys(reader, known)
    named = reader.texts(known.models_variable, ())
    users = key == USER_PROVIDED
    provider = ProviderSettings(
        name=known.name,
        type=known.type,
        models=named or known.models,
        api_key=None if users else key,
        further_keys=tuple(each for each in further if each),
        title_model=reader.text(known.title_model_variable) if known.title_model_variable else None,
        user_provides_key=users,
        fetch_models=known.lists_models and not named and key is not None and not users,
        headers=_organization(reader) if known.name == "openAI" else {},
    )
    return _with_address(reader, known, provider)


def _keys(reader: Reader, known: _Known) -> tuple[str | None, ...]:
    """The keys of a variable, each once; None alone where it is not set."""
    text = reader.text(known.key)
    # A service account of Google's, in JSON, is one.
    if not text or not known.several_keys or text.startswith("{"):
        return (text,)
    keys = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(keys) > 1 and USER_PROVIDED in keys:
        raise SettingsError(f"{known.key} must hold keys, or {USER_PROVIDED} alone.")
    return (keys[0], *keys[1:]) if keys else (None,)


def _with_address(reader: Reader, known: _Known, provider: ProviderSettings) -> ProviderSettings:
    if known.base_url_variable is None:
        return provider
    address = str(reader.text(known.base_url_variable, known.base_url))
    if address == USER_PROVIDED:
        return replace(provider, base_url=known.base_url, user_provides_url=True)
    if not is_web_address(address):
        raise SettingsError(f"{known.base_url_variable} must be an http or https URL.")
    return replace(provider, base_url=base_of(known.type, address))


def _organization(reader: Reader) -> Mapping[str, str]:
    organization = reader.text("OPENAI_ORGANIZATION")
    return {"OpenAI-Organization": organization} if organization else {}


def _with_azure(reader: Reader, provider: ProviderSettings) -> ProviderSettings:
    """Azure OpenAI by LibreChat's older variables: one instance, with one deployment or one for each model."""
    instance = reader.text("AZURE_OPENAI_API_INSTANCE_NAME")
    base_url = reader.text("AZURE_OPENAI_BASEURL")
    version = reader.text("AZURE_OPENAI_API_VERSION", AZURE_VERSION)
    common = reader.text("AZURE_OPENAI_API_DEPLOYMENT_NAME")
    default = reader.text("AZURE_OPENAI_DEFAULT_MODEL")
    by_model = reader.flag("AZURE_USE_MODEL_AS_DEPLOYMENT_NAME", common is None)
    if default and not reader.value("AZURE_OPENAI_MODELS"):
        provider = replace(provider, models=(default,))
    key = provider.api_key or ("" if provider.user_provides_key else None)
    if key is None or not (instance or base_url):
        return provider
    deployments = {
        # Azure's names of deployments had no dots when LibreChat made this rule.
        model: AzureDeployment(
            azure_base(base_url, instance or "", model.replace(".", "") if by_model else common or model),
            version,
            key,
        )
        for model in provider.models
    }
    return replace(provider, deployments=deployments)
