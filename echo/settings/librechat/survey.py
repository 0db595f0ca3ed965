"""Which keys of the file Echo does not use: those that only LibreChat knows, and those that nobody knows."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

from marshmallow import fields

from echo.settings.librechat.document import Place
from echo.settings.librechat.fields import Named, OneOrOther, Part, Section


class Key(NamedTuple):
    """A key without effect; `like` is one that it may have been meant to be."""

    place: Place
    kind: Literal["ignored", "unknown"]
    like: str | None = None


def survey(section: Section, data: Any, place: Place = ()) -> Iterator[Key]:
    """The keys of a section, and of what is in it, that have no effect."""
    if not isinstance(data, dict):
        return
    for name, value in data.items():
        field = section.fields.get(name)
        if field is not None:
            yield from _inside(field, value, (*place, name))
        elif name in section.ignored:
            yield Key((*place, name), "ignored")
        else:
            like = get_close_matches(name, [*section.fields, *section.ignored], n=1, cutoff=0.75)
            yield Key((*place, name), "unknown", like[0] if like else None)


def _inside(field: fields.Field[Any], value: Any, place: Place) -> Iterator[Key]:
    if isinstance(field, Part):
        yield from survey(field.schema, value, place)  # type: ignore[arg-type]
    elif isinstance(field, fields.List) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inside(field.inner, item, (*place, index))
    elif isinstance(field, Named) and isinstance(value, dict):
        for name, each in value.items():
            yield from _inside(field.inner, each, (*place, name))
    elif isinstance(field, OneOrOther):
        for inner in field.inner:
            yield from _inside(inner, value, place)
