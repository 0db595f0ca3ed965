"""The providers of models, under LibreChat's variables; `user_provided` as a key means that the server has none."""

import re
from dataclasses import dataclass

from echo.settings.model import ProviderLimits, ProviderSettings
from echo.settings.reader import Reader, SettingsError

USER_PROVIDED = "user_provided"
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
    ),
    _Known("assistants", "assistants", "ASSISTANTS_API_KEY", "ASSISTANTS_MODELS", _OPENAI_MODELS),
    _Known(
        "bedrock",
        "bedrock",
        "BEDROCK_AWS_SECRET_ACCESS_KEY",
        "BEDROCK_AWS_MODELS",
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-pro-v1:0"),
    ),
)


def read_providers(reader: Reader) -> tuple[ProviderSettings, ...]:
    """The providers that `ENDPOINTS` allows, all by default, in its order."""
    found = {known.name: _read_provider(reader, known) for known in KNOWN}
    wanted = reader.texts("ENDPOINTS", tuple(found))
    return tuple(found[name] for name in wanted if name in found)


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
    key = reader.text(known.key)
    address = reader.text(known.base_url_variable, known.base_url) if known.base_url_variable else None
    return ProviderSettings(
        name=known.name,
        type=known.type,
        models=reader.texts(known.models_variable, known.models),
        api_key=None if key == USER_PROVIDED else key,
        base_url=None if address == USER_PROVIDED else address,
        title_model=reader.text(known.title_model_variable) if known.title_model_variable else None,
        user_provides_key=key == USER_PROVIDED,
        user_provides_url=address == USER_PROVIDED,
    )
