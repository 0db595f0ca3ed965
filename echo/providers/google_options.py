"""What steers an answer, as Gemini has it."""

from typing import Any

from echo.errors import Unprocessable
from echo.providers.asked import NamedTool, Tool
from echo.providers.chat import ChatRequest
from echo.providers.google_content import VERSION, is_new
from echo.providers.schemas import Rules, cut

MAX_STOPS = 5
# What Gemini has not; what of it changes what an answer means is refused, the rest left out (`asked.MEANINGFUL`).
MISSING = ("logit_bias", "modalities", "audio", "prediction", "verbosity", "service_tier")
# https://ai.google.dev/gemini-api/docs/structured-output, on JSON Schema; `parametersJsonSchema` takes the same.
SCHEMAS = Rules(
    keywords=frozenset(
        {
            *("$ref", "$defs", "$anchor", "type", "title", "description", "enum", "items", "prefixItems"),
            *("minItems", "maxItems", "minimum", "maximum", "anyOf", "properties", "additionalProperties"),
            *("required", "propertyOrdering"),
        }
    )
)
JSON = "application/json"
# https://ai.google.dev/gemini-api/docs/openai, on reasoning: how Google's own translation does it.
BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576}
LEVELS = {"none": "minimal", "minimal": "minimal", "low": "low", "medium": "medium", "high": "high"}


def generation_config(request: ChatRequest) -> dict[str, Any]:
    """The generation config; what the operator adds goes there too."""
    return {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "frequencyPenalty": request.frequency_penalty,
        "presencePenalty": request.presence_penalty,
        "stopSequences": list(request.stop[:MAX_STOPS]) or None,
        "seed": request.seed,
        "candidateCount": request.n if request.n != 1 else None,
        "responseLogprobs": request.logprobs or None,
        "logprobs": request.top_logprobs if request.logprobs else None,
        "thinkingConfig": _thinking(request),
    }


def _thinking(request: ChatRequest) -> dict[str, Any] | None:
    """How much to think, by a level for newer models, by tokens for those before; the thoughts are shown."""
    effort = request.effort or ""
    version = VERSION.match(request.model.removeprefix("models/"))
    if is_new(request.model) and (level := LEVELS.get(effort)):
        return {"thinkingLevel": level, "includeThoughts": True}
    # Those before 2.5 do not think, and refuse to be told.
    if version and request.model.removeprefix("models/").startswith("gemini-2.5") and effort in BUDGETS:
        budget = BUDGETS[effort] and min(request.thinking_tokens or BUDGETS[effort], BUDGETS["high"])
        return {"thinkingBudget": budget, "includeThoughts": budget > 0}
    return None


def form(request: ChatRequest) -> dict[str, Any]:
    """The form of the answer. Raises `Unprocessable` where the model cannot have it beside tools."""
    asked = request.response_format
    if asked is None or asked.type == "text":
        return {}
    if request.tools and request.tool_choice != "none" and not is_new(request.model):
        raise Unprocessable(
            "This model takes either tools or a form of its answer; Gemini takes both from version 3 on.",
            code="unsupported_parameter",
        )
    made: dict[str, Any] = {"responseMimeType": JSON}
    if asked.type == "json_schema" and asked.schema is not None:
        made["responseJsonSchema"] = cut(asked.schema, SCHEMAS)
    return made


def tools(request: ChatRequest) -> list[dict[str, Any]]:
    """The functions on offer, or Google's own search. Raises `Unprocessable` where both are asked for."""
    made = [{"functionDeclarations": [_declaration(each) for each in request.tools]}] if request.tools else []
    if request.web_search_options is None:
        return made
    if made:
        raise Unprocessable(
            "Gemini takes either tools or a search of the web in one request.", code="unsupported_parameter"
        )
    return [{"googleSearch": {}}]


def _declaration(tool: Tool) -> dict[str, Any]:
    made: dict[str, Any] = {"name": tool.name, "description": tool.description or ""}
    schema = cut({"type": "object", **(tool.parameters or {})}, SCHEMAS)
    # Nothing says better that there are no arguments than nothing.
    empty = not (schema.get("properties") or schema.keys() & {"$ref", "anyOf", "additionalProperties"})
    return made if empty else {**made, "parametersJsonSchema": schema}


def tool_config(request: ChatRequest) -> dict[str, Any] | None:
    """Whether functions are to be called; None leaves it to the model."""
    choice = request.tool_choice
    if not request.tools or choice in (None, "auto"):
        return None
    if isinstance(choice, NamedTool):
        made: dict[str, Any] = {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    else:
        made = {"mode": "NONE" if choice == "none" else "ANY"}
    return {"functionCallingConfig": made}
