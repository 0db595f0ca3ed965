"""What clients are told of the built-in tools, in the form of LibreChat's list of plugins."""

from collections.abc import Iterable, Mapping
from typing import Any

from echo.settings.tools import ToolSettings

Json = dict[str, Any]
# Between fields of which one is enough.
OR = "||"


def _plugin(name: str, key: str, description: str, icon: str, *fields: Json, **more: Any) -> Json:
    return {
        "name": name,
        "pluginKey": key,
        "description": description,
        "icon": icon,
        **more,
        "authConfig": list(fields),
    }


def _field(name: str, label: str, description: str, **more: Any) -> Json:
    return {"authField": name, "label": label, "description": description, **more}


# Names, keys, fields, their labels and the icons are LibreChat's: its client has them.
PLUGINS: tuple[Json, ...] = (
    _plugin(
        "Traversaal",
        "traversaal_search",
        "Answers questions from the web, with sources.",
        "https://traversaal.ai/favicon.ico",
        _field("TRAVERSAAL_API_KEY", "Traversaal API Key", "A key of https://api.traversaal.ai."),
    ),
    _plugin(
        "Google",
        "google",
        "Searches the web with Google.",
        "assets/google-search.svg",
        _field("GOOGLE_CSE_ID", "Google CSE ID", "The id of a programmable search engine."),
        _field("GOOGLE_SEARCH_API_KEY", "Google API Key", "A key for Google's Custom Search API."),
    ),
    _plugin(
        "OpenAI Image Tools",
        "image_gen_oai",
        "Draws pictures with OpenAI's newest models, and changes pictures.",
        "assets/image_gen_oai.png",
        _field("IMAGE_GEN_OAI_API_KEY", "OpenAI Image Tools API Key", "A key of OpenAI's."),
        toolkit=True,
    ),
    _plugin(
        "Wolfram",
        "wolfram",
        "Asks Wolfram Alpha: calculations, and facts of science, geography and money.",
        "https://www.wolframcdn.com/images/icons/Wolfram.png",
        _field("WOLFRAM_APP_ID", "Wolfram App ID", "An AppID of https://developer.wolframalpha.com."),
    ),
    _plugin(
        "DALL-E-3",
        "dalle",
        "Draws pictures with DALL-E 3.",
        "assets/openai.svg",
        _field("DALLE3_API_KEY||DALLE_API_KEY", "OpenAI API Key", "A key of OpenAI's."),
    ),
    _plugin(
        "Tavily Search",
        "tavily_search_results_json",
        "Searches the web with Tavily.",
        "assets/tavily.svg",
        _field("TAVILY_API_KEY", "Tavily API Key", "A key of https://app.tavily.com."),
    ),
    _plugin("Calculator", "calculator", "Calculates.", "assets/calculator.svg"),
    _plugin(
        "Stable Diffusion",
        "stable-diffusion",
        "Draws pictures with a Stable Diffusion WebUI.",
        "assets/stability-ai.svg",
        _field(
            "SD_WEBUI_URL", "Your Stable Diffusion WebUI API URL", "The address of a WebUI whose API is on."
        ),
    ),
    _plugin(
        "Azure AI Search",
        "azure-ai-search",
        "Searches an index of Azure AI Search.",
        "assets/azure-ai-search.svg",
        _field("AZURE_AI_SEARCH_SERVICE_ENDPOINT", "Azure AI Search Endpoint", "The address of the service."),
        _field("AZURE_AI_SEARCH_INDEX_NAME", "Azure AI Search Index Name", "The name of the index."),
        _field("AZURE_AI_SEARCH_API_KEY", "Azure AI Search API Key", "A key that may search it."),
    ),
    _plugin(
        "OpenWeather",
        "open_weather",
        "Gives the weather: now, ahead, and in the past.",
        "assets/openweather.png",
        _field("OPENWEATHER_API_KEY", "OpenWeather API Key", "A key for the One Call API 3.0."),
    ),
    _plugin(
        "Flux",
        "flux",
        "Draws pictures with Flux.",
        "assets/bfl-ai.svg",
        _field("FLUX_API_KEY", "Your Flux API Key", "A key of https://api.bfl.ai."),
        isAuthRequired="true",
    ),
    _plugin(
        "Gemini Image Tools",
        "gemini_image_gen",
        "Draws pictures with Google's models, and changes pictures.",
        "assets/gemini_image_gen.svg",
        _field("GEMINI_API_KEY||GOOGLE_KEY", "Gemini API Key", "A key of https://aistudio.google.com."),
    ),
)


def listed(settings: ToolSettings) -> list[Json]:
    """The tools that the operator lets be used; `authenticated` says that the operator has the key of one."""
    return [_told(each, settings.values) for each in PLUGINS if settings.has(each["pluginKey"])]


def _told(plugin: Json, values: Mapping[str, str]) -> Json:
    fields = plugin["authConfig"]
    ready = fields and all(_one_of(each["authField"].split(OR), values) for each in fields)
    return {**plugin, "authenticated": True} if ready else plugin


def _one_of(names: Iterable[str], values: Mapping[str, str]) -> bool:
    return any(name in values for name in names)
