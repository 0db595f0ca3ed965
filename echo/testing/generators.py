"""A document as generators of clients take it: what stands in their way is left out, or said in another way."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

# What the OpenAPI Initiative keeps for itself (OpenAPI 3.1, section 4.9), and what concerns our server alone.
LEFT_OUT = ("x-oai-", "x-oas-", "x-echo-", "x-openapi-router-controller")
SCHEMAS = "#/components/schemas/"
NEW = "New"
# Below these are names that somebody chose, and below those are values: neither is a keyword.
NAMES = frozenset({"properties", "patternProperties", "schemas", "paths", "mapping"})
VALUES = frozenset({"default", "enum", "const", "example", "examples"})
# What JSON Schema says of one type alone.
OF_TYPES = {
    "array": frozenset({"items", "maxItems", "minItems", "uniqueItems"}),
    "object": frozenset({"properties", "required", "maxProperties", "minProperties"}),
    "string": frozenset({"maxLength", "minLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum"}),
}


def for_generators(document: Mapping[str, Any]) -> Json:
    """A copy that says the same, without what some well-known generator stumbles over.

    Links have no objects for bodies, and files are texts of `format: binary`. No schema has several types besides
    null, forbids further fields, counts files or lists booleans, and integers have 64 bits. No two fields of a schema
    differ only by underscores, and no schema is called `New` and the name of another. There are no server's
    extensions.
    """
    adapted: Json = _without_extensions(copy.deepcopy(dict(document)))
    for answer in _answers(adapted):
        _adapt(answer)
    for schema in list(_objects(adapted)):
        _say_how_large(schema)
        _leave_open(schema)
        _leave_files_uncounted(schema)
        _leave_both_booleans(schema)
        _keep_one_of_twins(schema)
        _split_types(schema)
    schemas = adapted.get("components", {}).get("schemas", {})
    clashing = {name for name in schemas if name.startswith(NEW) and name.removeprefix(NEW) in schemas}
    renamed: Json = _renamed(adapted, {name: name.removeprefix(NEW) + NEW for name in clashing})
    return renamed


def _answers(document: Json) -> Iterator[Json]:
    for item in document["paths"].values():
        for operation in item.values():
            yield from operation.get("responses", {}).values() if isinstance(operation, dict) else ()
    yield from document.get("components", {}).get("responses", {}).values()


def _adapt(answer: Json) -> None:
    for link in answer.get("links", {}).values():
        # A link may say what to send as JSON; OpenAPI Generator knows texts alone.
        if not isinstance(link.get("requestBody", ""), str):
            del link["requestBody"]
    for media_type, media in answer.get("content", {}).items():
        text = media_type.startswith("text/") and "schema" not in media
        whole = {"type": "string"} if text else {"type": "string", "format": "binary"}
        if media.get("schema", {"format": "binary"}).get("format") == "binary":
            media["schema"] = whole


def _without_extensions(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_extensions(each) for name, each in value.items() if not name.startswith(LEFT_OUT)
        }
    return [_without_extensions(each) for each in value] if isinstance(value, list) else value


def _objects(value: Any, *, named: bool = False) -> Iterator[Json]:
    """Every object of the document in which the names are its own keywords; those within come first."""
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if named or name not in VALUES:
                yield from _objects(each, named=not named and name in NAMES)
        if not named:
            yield value


def _say_how_large(schema: Json) -> None:
    """Clients in Go and Java read 32 bits where nothing is said; moments in milliseconds have more."""
    if schema.get("type") == "integer" or schema.get("type") == ["integer", "null"]:
        schema.setdefault("format", "int64")


def _leave_open(schema: Json) -> None:
    """Clients ignore fields that they do not know: later versions add some. Clients in Go refuse them where told."""
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]


def _leave_files_uncounted(schema: Json) -> None:
    """OpenAPI Generator's clients in Go do not compile where they count the files of a form."""
    items = schema.get("items")
    if isinstance(items, dict) and items.get("format") == "binary":
        schema.pop("minItems", None)
        schema.pop("maxItems", None)


def _leave_both_booleans(schema: Json) -> None:
    """OpenAPI Generator's clients in Java do not compile where only `true` is allowed: it makes texts of it."""
    if schema.get("type") == "boolean":
        schema.pop("enum", None)


def _keep_one_of_twins(schema: Json) -> None:
    """Most languages write `_id` as `id` and `request_id` as `requestId`, and then have a field twice."""
    fields, kept = schema.get("properties", {}), set()
    for name in sorted(fields, key=lambda name: name.startswith("_")):
        if (plain := name.replace("_", "").lower()) in kept:
            del fields[name]
            if name in schema.get("required", ()):
                schema["required"].remove(name)
        kept.add(plain)


def _split_types(schema: Json) -> None:
    """One choice for each type: OpenAPI Generator reads the first of several and drops the rest."""
    types = schema.get("type")
    if not isinstance(types, list) or len([each for each in types if each != "null"]) < 2:
        return
    kinds = [each for each in types if each != "null"]
    said = {name: schema.pop(name) for names in OF_TYPES.values() for name in names if name in schema}
    choices: list[Json] = []
    for kind in kinds:
        names = OF_TYPES.get("number" if kind == "integer" else kind, frozenset())
        choices.append({"type": kind} | {name: value for name, value in said.items() if name in names})
    if "null" in types:
        choices[0]["type"] = [kinds[0], "null"]
    for choice in choices:
        _say_how_large(choice)
    del schema["type"]
    schema["anyOf"] = choices


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """With other names of schemas: clients in Go have a function `NewMemory`, which makes a `Memory`."""
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    renamed = {key: _renamed(each, names) for key, each in value.items()}
    if isinstance(renamed.get("schemas"), dict):
        renamed["schemas"] = {names.get(name, name): each for name, each in renamed["schemas"].items()}
    if isinstance(reference := renamed.get("$ref"), str):
        name = reference.removeprefix(SCHEMAS)
        renamed["$ref"] = SCHEMAS + names[name] if name in names else reference
    return renamed
