"""Under which name an answer is shown."""

import pytest

from echo.chat.senders import agent_id, beside, provider_name, sender_of
from echo.settings import ProviderSettings


def settings(kind: str, name: str = "Mine", label: str | None = None) -> ProviderSettings:
    return ProviderSettings(name=name, type=kind, models=(), model_display_label=label)


@pytest.mark.parametrize(
    ("kind", "model", "sender"),
    [
        ("openai", "gpt-4o-mini", "GPT-4o"),
        ("openai", "gpt-4.1", "GPT-4.1"),
        ("openai", "gpt-3.5-turbo", "GPT-3.5"),
        ("openai", "openai/gpt-5-nano", "GPT-5"),
        ("openai", "GPT-4", "GPT-4"),
        ("openai", "Gpt-4", "GPT-4"),
        ("azure", "o3-mini", "o3"),
        ("openai", "openai/O1", "o1"),
        ("openai", "chatgpt-4o-latest", "ChatGPT"),
        ("openai", "davinci", "ChatGPT"),
        ("anthropic", "claude-sonnet-4", "Claude"),
        ("google", "Gemini-2.5", "Gemini"),
        ("google", "gemma-3", "Google"),
        ("custom", "gpt-4o", "Mine"),
    ],
)
def test_is_that_of_the_models_family(kind: str, model: str, sender: str) -> None:
    assert sender_of(settings(kind), model, None) == sender


def test_the_conversations_name_wins_and_then_the_operators() -> None:
    named = settings("openai", label="House")
    assert sender_of(named, "gpt-4o", "Ours") == "Ours"
    assert [sender_of(named, "gpt-4o", none) for none in (None, "")] == ["House"] * 2


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("openai", "openAI"),
        ("custom", "openAI"),
        ("azure", "azureOpenAI"),
        ("anthropic", "anthropic"),
        ("google", "google"),
        ("bedrock", "Mine"),
    ],
)
def test_usage_events_name_librechats_protocols(kind: str, name: str) -> None:
    assert provider_name(settings(kind)) == name


def test_answerers_that_nobody_made_have_librechats_names() -> None:
    name = agent_id("openAI", "gpt-4o", "GPT-4o")
    assert (name, beside(name, 1)) == ("openAI__gpt-4o___GPT-4o", "openAI__gpt-4o___GPT-4o____1")
