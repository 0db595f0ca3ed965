"""Which endpoints can chat, and under which names."""

import asyncio

from echo.providers.registry import build_providers
from echo.settings import ProviderSettings, load_settings

URL = "http://127.0.0.1:1"


def named(*settings: ProviderSettings) -> list[str]:
    return list(build_providers(settings))


class TestChoice:
    def test_is_of_the_kinds_that_chat_in_the_configured_order(self) -> None:
        kinds = ("google", "bedrock", "custom", "assistants", "openai", "anthropic", "azure", "unknown")
        settings = [ProviderSettings(f"My {kind}", kind, (), api_key="k", base_url=URL) for kind in kinds]
        assert named(*settings) == ["My google", "My custom", "My openai", "My anthropic", "My azure"]

    def test_is_of_those_with_a_key_of_the_server_or_of_each_user(self) -> None:
        assert named(
            ProviderSettings("none", "openai", (), base_url=URL),
            ProviderSettings("users", "openai", (), base_url=URL, user_provides_key=True),
            ProviderSettings("servers", "openai", (), base_url=URL, api_key="k"),
        ) == ["users", "servers"]

    def test_is_of_those_with_an_address(self) -> None:
        assert named(
            ProviderSettings("nowhere", "azure", (), api_key="k"),
            ProviderSettings("users", "custom", (), api_key="k", user_provides_url=True),
        ) == ["users"]

    def test_is_nothing_without_settings(self) -> None:
        providers = build_providers(load_settings({"ECHO_OFFLINE_MODEL": "off"}).providers)
        assert (len(providers), "openAI" in providers, providers.get("openAI")) == (0, False, None)

    def test_is_what_the_environment_has_a_key_for(self) -> None:
        settings = load_settings(
            {"OPENAI_API_KEY": "k", "GOOGLE_KEY": "k", "BEDROCK_AWS_SECRET_ACCESS_KEY": "k"}
        )
        assert list(build_providers(settings.providers)) == ["openAI", "google"]


def test_closing_before_anything_was_asked_does_nothing() -> None:
    asyncio.run(build_providers(()).close())
