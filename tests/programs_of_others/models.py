"""What plays the five kinds of provider for an agent: it wants two tools, and can be held to a form."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.providers import Received, Reply
from tests.support.providers.replies import Called

CITY = '{"name": "Kyiv", "people": 3}'
CALLS = (
    Called("get_weather", ('{"pla', 'ce": "Ky', 'iv"}'), "call_a"),
    Called("get_time", ("{}",), "call_b"),
)


def speak(tools: Sequence[str], results: Sequence[str], forced: bool, formed: bool) -> Reply:
    """What is said with these tools and these results: some programs take a tool for the form of the answer."""
    forms = [name for name in tools if name not in ("get_weather", "get_time")]
    if forms and (results or forced or len(tools) == len(forms)):
        return Reply([], calls=[Called(forms[0], (CITY[:9], CITY[9:]), "call_c")])
    if results or not tools:
        said = [CITY[:9], CITY[9:]] if formed else [" and ".join(results) or "Hello", "."]
        return Reply(said)
    return Reply([], reasoning=("Hm.",), calls=CALLS, cached=4, thought=3)


def openai(received: Received) -> Reply:
    """In OpenAI's protocol, and so Azure's and those of compatible servers."""
    asked = received.json
    results = [text_of(each["content"]) for each in asked["messages"] if each["role"] == "tool"]
    tools = [tool["function"]["name"] for tool in asked.get("tools", ())]
    forced = isinstance(asked.get("tool_choice"), dict)
    return speak(tools, results, forced, "response_format" in asked)


def anthropic(received: Received) -> Reply:
    """In Anthropic's."""
    asked = received.json
    blocks = [
        block
        for message in asked["messages"]
        for block in message["content"]
        if not isinstance(message["content"], str)
    ]
    results = [text_of(block["content"]) for block in blocks if block["type"] == "tool_result"]
    forced = asked.get("tool_choice", {}).get("type") == "tool"
    formed = "format" in asked.get("output_config", {})
    return speak([tool["name"] for tool in asked.get("tools", ())], results, forced, formed)


def google(received: Received) -> Reply:
    """In Google's."""
    asked = received.json
    parts = [part for content in asked["contents"] for part in content["parts"]]
    results = [
        str(part["functionResponse"]["response"]["output"]) for part in parts if "functionResponse" in part
    ]
    tools = [each["name"] for tool in asked.get("tools", ()) for each in tool["functionDeclarations"]]
    forced = "allowedFunctionNames" in asked.get("toolConfig", {}).get("functionCallingConfig", {})
    return speak(tools, results, forced, "responseMimeType" in asked.get("generationConfig", {}))


def text_of(content: Any) -> str:
    """The text of a tool's result, alone or in parts."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


BRAINS: dict[str, Callable[[Received], Reply]] = {
    "openai": openai,
    "azure": openai,
    "custom": openai,
    "anthropic": anthropic,
    "google": google,
}

assert json.loads(CITY)
