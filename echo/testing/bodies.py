"""Bodies and parameters as a document shows them: its examples, and the places where ids are."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from echo.testing.references import Json

Place = tuple[str | int, ...]
Resolve = Callable[[Json], Json]


def is_id(name: str) -> bool:
    """Whether a field or parameter of that name is an id."""
    return name == "id" or name.endswith(("Id", "_id"))


def examples_of(media: Json, resolve: Resolve) -> list[Any]:
    """The examples of a media type or parameter, copied."""
    if "example" in media:
        return [copy.deepcopy(media["example"])]
    return [copy.deepcopy(resolve(each).get("value")) for each in media.get("examples", {}).values()]


def example_of_parameter(parameter: Json, resolve: Resolve) -> Any:
    """An example of a parameter; one that its schema allows where the document has none."""
    for found in examples_of(parameter, resolve):
        return found
    schema = resolve(parameter.get("schema", {}))
    for found in (*schema.get("examples", ()), *schema.get("enum", ())):
        return found
    return {"integer": 3, "boolean": True}.get(str(schema.get("type")), "some-id")


def id_fields(
    schema: Json, resolve: Resolve, left_out: frozenset[str] = frozenset(), prefix: Place = ()
) -> Iterator[Place]:
    """Where in a body of this schema the ids are, but for those names that are left out."""
    for place, name in all_fields(schema, resolve, prefix):
        if is_id(name) and name not in left_out:
            yield place


def all_fields(schema: Json, resolve: Resolve, prefix: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every place in a body of this schema, and the field's name: none for what a list has."""
    for name, raw in resolve(schema).get("properties", {}).items():
        child = resolve(raw)
        yield (*prefix, name), name
        if child.get("type") == "object":
            yield from all_fields(child, resolve, (*prefix, name))
        if child.get("type") == "array":
            yield (*prefix, name, 0), ""
            yield from all_fields(child.get("items", {}), resolve, (*prefix, name, 0))


def with_value(body: Any, place: Place, value: Any) -> Any:
    """A copy of the body with the value put in that place; what is missing on the way is made."""
    if not place:
        return value
    head, *rest = place
    if isinstance(head, int):
        items = list(body) if isinstance(body, list) else []
        items += [None] * (head + 1 - len(items))
        items[head] = with_value(items[head], tuple(rest), value)
        return items
    fields = dict(body) if isinstance(body, dict) else {}
    fields[head] = with_value(fields.get(head), tuple(rest), value)
    return fields


def value_at(body: Any, place: Place) -> Any:
    """What stands in that place of a body, None if nothing does."""
    for step in place:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def without(body: Any, place: Place) -> Any:
    """A copy of the body without the field in that place."""
    *way, last = place
    holder = value_at(body, tuple(way))
    if not isinstance(holder, dict):
        return body
    return with_value(body, tuple(way), {name: each for name, each in holder.items() if name != last})
