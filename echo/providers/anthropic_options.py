"""What steers an answer, as Anthropic's messages have it."""

from collections.abc import Iterable, Mapping
from typing import Any

from echo.errors import Unprocessable
from echo.providers.anthropic_content import FORMAT
from echo.providers.anthropic_models import (
    generation,
    holds_to_schemas,
    takes_sampling,
    thinks,
    thinks_as_needed,
)
from echo.providers.asked import NamedTool, Tool
from echo.providers.chat import ChatRequest, Reasoning
from echo.providers.schemas import Rules, cut, flat

# What Anthropic has not; what of it changes what an answer means is refused, the rest left out (`asked.MEANINGFUL`).
MISSING = (
    *(
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "modalities",
        "audio",
        "seed",
        "prediction",
        "verbosity",
    ),
    *("frequency_penalty", "presence_penalty"),
)
# https://platform.claude.com/docs/en/build-with-claude/structured-outputs, on limitations of JSON schemas.
SCHEMAS = Rules(
    keywords=frozenset(
        {
            *("type", "enum", "anyOf", "allOf", "$ref", "$defs", "properties", "required", "items"),
            *("title", "description"),
        }
    ),
    formats=frozenset(
        ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
    ),
    most_least=1,
    closed=True,
)
# Without a schema there is no way to hold a model to JSON but to tell it.
ONLY_JSON = "Answer with one JSON object and nothing else: no text before or after it, and no code fence."
TIERS = {"auto": "auto", "default": "standard_only"}
EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}
MORE_EFFORTS = {**EFFORTS, "xhigh": "xhigh", "max": "max"}
# Tokens to think with, for models that must be given a number; and the least that they take.
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 32_000, "max": 32_000}
LEAST_BUDGET = 1024
PLACES = ("city", "country", "region", "timezone")


def parameters(request: ChatRequest) -> dict[str, Any]:
    """The parameters that the model takes: newer ones refuse temperature, top_p and top_k, some both of the first.

    None takes these while it thinks. `effort` is for `output_config`.
    """
    thinking = _thinking(request)
    sampling = takes_sampling(request.model) and (thinking is None or request.thinking == "off")
    temperature = request.temperature if sampling else None
    top_p = request.top_p if generation(request.model) < (4, 1) or temperature is None else None
    return {
        "max_tokens": request.max_tokens,
        "temperature": None if temperature is None else min(temperature, 1.0),
        "top_p": top_p if sampling else None,
        "top_k": request.top_k if sampling else None,
        "stop_sequences": [text for text in request.stop if text.strip()] or None,
        "service_tier": TIERS.get(request.service_tier or ""),
        "thinking": thinking,
        "effort": _effort(request),
    }


def _effort(request: ChatRequest) -> str | None:
    """How much of everything the model may spend, which newer ones take beside thinking."""
    if not (thinks(request.model) and thinks_as_needed(request.model)):
        return None
    efforts = MORE_EFFORTS if generation(request.model) >= (4, 7) else EFFORTS
    return efforts.get(request.reasoning_effort or "")


def _thinking(request: ChatRequest) -> dict[str, Any] | None:
    """Thinking, where it is asked for and goes with the rest: a forced tool or an answer that has begun wins."""
    if not thinks(request.model):
        return None
    if request.thinking == "off":
        return {"type": "disabled"}
    begun = bool(request.turns) and request.turns[-1].role == "assistant"
    if not _is_wanted(request) or begun or _is_forced(request):
        return None
    if not thinks_as_needed(request.model):
        return None if _lacks_thinking(request) else _thinking_within(request)
    # Newer models keep their thinking to themselves unless they are asked to show it.
    shown = {"display": "summarized"} if generation(request.model) >= (4, 7) else {}
    return {"type": "adaptive", **shown}


def _is_wanted(request: ChatRequest) -> bool:
    """Whether the model is to think: an effort asks for it, too, unless the request keeps the two apart."""
    if request.thinking is None:
        return request.reasoning_effort not in (None, "none")
    return request.thinking == "on"


def _thinking_within(request: ChatRequest) -> dict[str, Any] | None:
    budget = request.thinking_tokens or BUDGETS.get(request.effort or "")
    if budget is None:
        return None
    budget = min(budget, (request.max_tokens or budget + 1) - 1)
    return {"type": "enabled", "budget_tokens": budget} if budget >= LEAST_BUDGET else None


def _is_forced(request: ChatRequest) -> bool:
    return request.tool_choice == "required" or isinstance(request.tool_choice, NamedTool)


def _lacks_thinking(request: ChatRequest) -> bool:
    """Whether a call of a tool is given back without the thinking before it, which older models insist on."""
    if not request.turns or request.turns[-1].role != "tool":
        return False
    calling = [turn for turn in request.turns if turn.calls][-1:]
    thoughts = [part for turn in calling for part in turn.parts if isinstance(part, Reasoning)]
    return not any(part.format == FORMAT and (part.signature or part.redacted) for part in thoughts)


def tools(request: ChatRequest) -> list[dict[str, Any]]:
    """The tools on offer, and those of earlier calls: without any the API takes no calls either."""
    offered = [_tool(each, strict=holds_to_schemas(request.model)) for each in request.tools]
    if not offered:
        names = dict.fromkeys(call.name for turn in request.turns for call in turn.calls)
        offered = [{"name": name, "input_schema": {"type": "object"}} for name in names]
    return [*offered, *_web_search(request.web_search_options)]


def _tool(tool: Tool, *, strict: bool) -> dict[str, Any]:
    schema = flat(tool.parameters)
    made: dict[str, Any] = {"name": tool.name, "input_schema": schema}
    if tool.strict and strict:
        made = {**made, "input_schema": cut(schema, SCHEMAS), "strict": True}
    return {**made, "description": tool.description} if tool.description else made


def _web_search(options: Mapping[str, Any] | None) -> Iterable[dict[str, Any]]:
    if options is None:
        return
    made: dict[str, Any] = {"type": "web_search_20250305", "name": "web_search"}
    location = options.get("user_location")
    place = location.get("approximate") if isinstance(location, Mapping) else None
    known = {name: place[name] for name in PLACES if isinstance(place, Mapping) and place.get(name)}
    yield {**made, "user_location": {"type": "approximate", **known}} if known else made


def tool_choice(request: ChatRequest) -> dict[str, Any] | None:
    """Which tools are to be called; None leaves it to the model."""
    choice = request.tool_choice
    if not request.tools:
        # Those of earlier calls are no longer on offer.
        return {"type": "none"} if any(turn.calls for turn in request.turns) else None
    if choice == "none":
        return {"type": "none"}
    one = {"disable_parallel_tool_use": True} if request.parallel_tool_calls is False else {}
    if isinstance(choice, NamedTool):
        return {"type": "tool", "name": choice.name, **one}
    if choice == "required":
        return {"type": "any", **one}
    return {"type": "auto", **one} if one else None


def output_format(request: ChatRequest) -> dict[str, Any] | None:
    """The schema that the answer is held to. Raises `Unprocessable` where the model cannot be."""
    asked = request.response_format
    if asked is None or asked.type != "json_schema":
        return None
    if not holds_to_schemas(request.model):
        raise Unprocessable(
            "This model cannot be held to a JSON schema; Anthropic's can from version 4.5 on.",
            code="unsupported_parameter",
        )
    return {"type": "json_schema", "schema": cut(asked.schema or {"type": "object"}, SCHEMAS)}


def instructions(system: str | None, request: ChatRequest) -> str | None:
    """The system prompt, with the form of the answer where only words can ask for it."""
    asked = request.response_format
    said = ONLY_JSON if asked is not None and asked.type == "json_object" else None
    return "\n\n".join(filter(None, (system, said))) or None
