"""What all schemas share: two base classes, one for each direction, and fields that old documents cannot break.

A document may have been written by any version of LibreChat: fields can be missing, null or of another type.
On the way out such a value is left out, because the contract promises types, and few fields are required.
"""

import copy
import math
import re
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import UTC, datetime
from typing import Any, NoReturn

import orjson
from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing

from echo.errors import FieldError, InvalidRequest

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
# So many kinds of documents, by the names of their fields, a schema remembers what to look at in.
_MAX_SHAPES = 200
_LARGEST = 2**63
# RFC 3986: a scheme that a client may be sent to, a host by name, and the characters that each part may hold.
_CHARACTERS = r"(?:[A-Za-z0-9._~:/@!$&'()*+,;=?-]|%[0-9A-Fa-f]{2})*"
_WEB_ADDRESS = re.compile(rf"https?://{_HOST}(?::[0-9]{{1,5}})?(?:[/?]{_CHARACTERS})?(?:#{_CHARACTERS})?")
# RFC 5321, section 4.1.2, without quoted local parts, which nobody has.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@.{{1,253}}$){_ATOM}(?:\.{_ATOM})*@{_HOST}")


class Output(Schema):
    """Documents to contract objects: only what is declared leaves, and a null is left out.

    A field's `data_key` is its name in the contract and, unless `attribute` says otherwise, in the document.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # What dumping needs, gathered once: walking marshmallow's own layers for each value takes twice as long,
        # and lists of messages are most of what a server of chats sends.
        self._plan = tuple(
            (
                field.data_key or name,
                field.attribute or name,
                field.dump_default,
                *short_way(field),
                field._serialize,
            )
            for name, field in self.dump_fields.items()
        )
        self._plans: dict[tuple[str, ...], tuple[Any, ...]] = {}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Read the document under the contract's name."""
        if field_obj.attribute is None:
            field_obj.attribute = field_obj.data_key or field_name

    def dump_one(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The contract's object for a document."""
        dumped = {}
        for key, attribute, default, kind, change, serialize in self._plan_for(document):
            value = document.get(attribute)
            if value.__class__ is kind:
                dumped[key] = change(value) if change else value
                continue
            if value is None:
                value = default
            if value is not missing and (value := serialize(value, attribute, document)) is not missing:
                dumped[key] = value
        return dumped

    def _plan_for(self, document: Mapping[str, Any]) -> tuple[Any, ...]:
        """What leaves of documents with these fields: LibreChat's models have many of which a document has few."""
        shape = tuple(document)
        plan = self._plans.get(shape)
        if plan is None:
            plan = tuple(each for each in self._plan if each[1] in document or each[2] is not missing)
            if len(self._plans) >= _MAX_SHAPES:
                self._plans.clear()
            self._plans[shape] = plan
        return plan

    def dump_all(self, documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The contract's objects for documents, in their order."""
        return [self.dump_one(document) for document in documents]

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """As marshmallow's `dump`, without its hooks."""
        return self.dump_all(obj) if many else self.dump_one(obj)


def short_way(field: fields.Field[Any]) -> tuple[type | None, Callable[[Any], Any] | None]:
    """The type whose values a field need not be asked for, and what makes of one what is dumped: None for nothing."""
    ways = (way for each, way in SHORT_WAYS.items() if type(field)._serialize is each._serialize)
    return next(ways, (None, None))


class Input(Schema):
    """Request bodies to a handler's arguments or a document's fields: what is not declared is dropped.

    Loading keeps absent fields absent, so a change names only what it changes. The body has passed the contract;
    what a field still refuses raises `InvalidRequest`.
    """

    class Meta:
        """Options that marshmallow reads."""

        unknown = EXCLUDE

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Of thirty parameters a request has three: marshmallow would walk its layers for each of the others.
        keys = {name: field.data_key or name for name, field in self.load_fields.items()}
        self._defaults = {
            keys[name]: (field.attribute or name, field.load_default)
            for name, field in self.load_fields.items()
            if not (field.required or callable(field.load_default) or "." in (field.attribute or ""))
        }
        self._always = frozenset(keys.values()) - self._defaults.keys()
        self._views: dict[frozenset[str], tuple[Schema, dict[str, Any]]] = {}

    def _deserialize(self, data: Any, *, many: bool = False, partial: Any = None, **kwargs: Any) -> Any:
        if many or partial or not isinstance(data, Mapping):
            return super()._deserialize(data, many=many, partial=partial, **kwargs)
        view, defaults = self._view_of(self._defaults.keys() & data.keys())
        loaded: Any = Schema._deserialize(view, data, partial=partial, **kwargs)
        return defaults | loaded

    def _view_of(self, present: Set[str]) -> tuple[Schema, dict[str, Any]]:
        """This schema with only the fields that such a body has or must have, and what the others are then."""
        shape = frozenset(present)
        view = self._views.get(shape)
        if view is None:
            looked_at = self._always | shape
            fields = {name: f for name, f in self.load_fields.items() if (f.data_key or name) in looked_at}
            left = (told for key, told in self._defaults.items() if key not in shape)
            view = copy.copy(self), {name: value for name, value in left if value is not missing}
            view[0].load_fields = fields
            if len(self._views) >= _MAX_SHAPES:
                self._views.clear()
            self._views[shape] = view
        return view

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **kwargs: Any) -> NoReturn:
        """Raise the error of ours."""
        raise InvalidRequest(errors=tuple(_field_errors(error))) from error


def _field_errors(error: ValidationError) -> list[FieldError]:
    messages = error.messages_dict
    return [FieldError(str(name), " ".join(map(str, found))) for name, found in messages.items()]


class Text(fields.String):
    """A string."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, str) else missing


class Identifier(fields.Field[str]):
    """An ObjectId, as the 24 hexadecimal digits that stand for it."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return str(value)


class Email(Text):
    """An e-mail address; one that the contract's format would refuse is left out."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, str) and _EMAIL.fullmatch(value) else missing


class WebAddress(Text):
    """An absolute http or https URI; anything else, such as a path on another server, is left out."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, str) and _WEB_ADDRESS.fullmatch(value) else missing


class Whole(fields.Integer):
    """An integer of 64 bits: more are not written as JSON, and LibreChat stores numbers of any size."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return int(value) if _is_finite(value) and abs(value) < _LARGEST else missing


class Number(fields.Float):
    """A number."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if _is_finite(value) else missing


class Flag(fields.Boolean):
    """A boolean."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value is True


class Texts(fields.List[str]):
    """A list of strings; LibreChat's lists may hold nulls, which are left out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.String(), **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return (
            [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else missing
        )


class Moment(fields.Field[datetime]):
    """A time in UTC, as RFC 3339 with milliseconds: MongoDB stores no more, JavaScript prints no less."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return moment(value) if isinstance(value, datetime) else missing


class Plain(fields.Field[Any]):
    """Whatever LibreChat keeps there, as JSON: ids as texts, times as `Moment` has them.

    What is not of the `kind` that the contract has there is left out.
    """

    def __init__(self, kind: type = object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kind = kind

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return plain(value) if isinstance(value, self._kind) else missing


def plain(value: Any) -> Any:
    """A value of MongoDB's as JSON has it; what JSON has nothing for is null."""
    kind = value.__class__
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict:
        return {str(name): plain(each) for name, each in value.items()}
    if kind is list:
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, int | float):
        return (int(value) if isinstance(value, int) else value) if math.isfinite(value) else None
    # An id, or a number of many digits; what is left are bytes and code.
    return str(value) if kind.__name__ in ("ObjectId", "Decimal128", "UUID") else None


def moment(value: datetime) -> str:
    """A time in UTC as RFC 3339 with milliseconds."""
    # Takes half the time of `isoformat`. Without fractions where there are none; what comes after them is cut off.
    text = orjson.dumps(value).decode()
    return f"{text[1:24]}Z" if value.microsecond else f"{text[1:20]}.000Z"


# What these fields dump of a value of exactly that type, in those derived from them too that dump as they do.
SHORT_WAYS: dict[type[fields.Field[Any]], tuple[type, Callable[[Any], Any] | None]] = {
    Text: (str, None),
    Whole: (int, None),
    Flag: (bool, None),
    Moment: (datetime, moment),
}


class Time(fields.AwareDateTime):
    """A time that a client sends, in RFC 3339; without a zone it is UTC, and an empty text is no time."""

    def __init__(self, **kwargs: Any) -> None:
        words: dict[str, Any] = {"invalid": "is not a time", "format": "is not a time"}
        super().__init__("iso", default_timezone=UTC, error_messages=words, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return None if value == "" else super()._deserialize(value, attr, data, **kwargs)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
