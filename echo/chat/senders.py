"""Under which name an answer is shown, as LibreChat's clients name models."""

import re

from echo.settings import ProviderSettings

# LibreChat's names of the protocols that its usage events carry.
PROVIDERS = {
    "openai": "openAI",
    "custom": "openAI",
    "azure": "azureOpenAI",
    "anthropic": "anthropic",
    "google": "google",
}
_GPT = re.compile(r"(?:.*/)?(gpt-[0-9]+(?:\.[0-9]+)?[a-z]?)", re.IGNORECASE)
_REASONING = re.compile(r"(?:.*/)?(o[0-9])", re.IGNORECASE)


def sender_of(settings: ProviderSettings, model: str, label: str | None) -> str:
    """The name that the conversation asks for, or the operator, or the one of the model's family."""
    if label:
        return label
    if settings.model_display_label:
        return settings.model_display_label
    if settings.type == "anthropic":
        return "Claude"
    if settings.type == "google":
        return "Gemini" if "gemini" in model.lower() else "Google"
    if settings.type in ("openai", "azure"):
        return _of_openai(model)
    return settings.name


def _of_openai(model: str) -> str:
    if found := _GPT.match(model):
        return found[1].replace("gpt", "GPT").replace("Gpt", "GPT")
    if found := _REASONING.match(model):
        return found[1].lower()
    return "ChatGPT"


def provider_name(settings: ProviderSettings) -> str:
    """The provider of a usage event."""
    return PROVIDERS.get(settings.type, settings.name)


def agent_id(endpoint: str, model: str, sender: str) -> str:
    """LibreChat's name of an answerer that nobody made as an agent."""
    return f"{endpoint}__{model}___{sender}"


def beside(name: str, number: int) -> str:
    """LibreChat's name of an answerer beside another one; the first has no number."""
    return f"{name}____{number}"
