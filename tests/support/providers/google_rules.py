"""What Gemini's API refuses of what a client could easily get wrong, each with its own sentence."""

import re
from collections.abc import Iterator
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
KEYWORDS = {
    *("$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items"),
    *("prefixItems", "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties"),
    *("additionalProperties", "required", "propertyOrdering"),
}
PART = {"text", "inlineData", "fileData", "functionCall", "functionResponse", "thought", "thoughtSignature"}
CONFIG = {
    *("maxOutputTokens", "temperature", "topP", "topK", "frequencyPenalty", "presencePenalty"),
    *("stopSequences", "seed", "candidateCount", "responseLogprobs", "logprobs", "thinkingConfig"),
    *("responseMimeType", "responseJsonSchema", "responseSchema", "responseModalities", "imageConfig"),
}


def refused(request: dict[str, Any], model: str) -> str | None:
    """The first sentence against a request."""
    return next(_faults(request, model), None)


def _faults(request: dict[str, Any], model: str) -> Iterator[str]:
    if not request["contents"] or request["contents"][0]["role"] != "user":
        yield "Please ensure that the first content is the user's."
    config = request.get("generationConfig", {})
    if unknown := set(config) - CONFIG:
        yield f"Unknown name {unknown} at 'generation_config': Cannot find field."
    if not _knows(config.get("responseJsonSchema", {})):
        yield "generation_config.response_json_schema: unknown keyword"
    declared = [each for tool in request.get("tools", []) for each in tool.get("functionDeclarations", [])]
    for each in declared:
        if not NAME.fullmatch(each["name"]) or not _knows(each.get("parametersJsonSchema", {})):
            yield "GenerateContentRequest.tools[0].function_declarations[0]: invalid"
    if declared and "responseMimeType" in config and not model.startswith("gemini-3"):
        yield "Function calling with a response mime type: 'application/json' is unsupported"
    calls: list[str] = []
    for content in _joined(request["contents"]):
        yield from _content_faults(content, calls, model)
        calls = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]


def _joined(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The contents of one side in one: the client keeps each piece of a stream for itself."""
    made: list[dict[str, Any]] = []
    for content in contents:
        before = made.pop()["parts"] if made and made[-1]["role"] == content["role"] else []
        made.append({**content, "parts": [*before, *content["parts"]]})
    return made


def _content_faults(content: dict[str, Any], calls: list[str], model: str) -> Iterator[str]:
    if not content["parts"] or any(set(part) - PART for part in content["parts"]):
        yield "contents.parts must not be empty"
    answered = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
    if sorted(each["name"] for each in answered) != sorted(calls):
        yield "Please ensure that the number of function response parts is equal to the number of function calls."
    if not all(isinstance(each["response"], dict) for each in answered):
        yield "function_response.response: not an object"
    made = [part for part in content["parts"] if "functionCall" in part]
    if not all(isinstance(part["functionCall"]["args"], dict) for part in made):
        yield "function_call.args: not an object"
    if made and model.startswith("gemini-3") and "thoughtSignature" not in made[0]:
        yield "Function call is missing a thought_signature in functionCall parts."


def _knows(schema: Any) -> bool:
    if isinstance(schema, bool):
        return True
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    inner += [each for name in ("anyOf", "prefixItems") for each in schema.get(name, [])]
    inner += [schema[name] for name in ("items", "additionalProperties") if name in schema]
    return set(schema) <= KEYWORDS and all(map(_knows, inner))
