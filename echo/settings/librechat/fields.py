"""marshmallow fields for values of a YAML file: a number is no text, and no message repeats a value.

A file that LibreChat takes is taken; values that it would refuse are refused.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

MISSING = "is missing"
# RFC 9110, section 5.6.2: a header's name; and what can stand in its value.
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 3986, section 3.1; and what browsers pass over in front of one, or within (https://url.spec.whatwg.org).
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
UNSEEN = re.compile(r"[\x00-\x20]")
LINKED = ("http", "https", "mailto", "tel")


class Section(Schema):
    """A mapping of the file. `ignored` names the keys that LibreChat knows and Echo has no use for."""

    ignored: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        """Options that marshmallow reads: unknown keys are warnings, given elsewhere."""

        unknown = EXCLUDE

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error_messages = {**self.error_messages, "type": "must hold keys with values"}


class Part(fields.Nested):
    """A section inside of another."""

    def __init__(self, section: type[Section], **kwargs: Any) -> None:
        super().__init__(section, **kwargs)


class Text(fields.String):
    """A text. With `one_of`, one of these."""

    def __init__(self, *, one_of: tuple[str, ...] = (), **kwargs: Any) -> None:
        checks = validate.OneOf(one_of, error=f"must be one of {', '.join(one_of)}") if one_of else None
        super().__init__(
            validate=checks, error_messages={"invalid": "must be text", "required": MISSING}, **kwargs
        )


class Link(Text):
    """An address that clients show as a link: of a page or a mailbox, or whatever has no scheme.

    A link may hold a script (`javascript:`), and administrators who may change no more than texts write links too.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        scheme = SCHEME.match(UNSEEN.sub("", text))
        if scheme and scheme[1].lower() not in LINKED:
            raise ValidationError("must be an http, https or mailto URL, or a path")
        return text


class Flag(fields.Field[bool]):
    """True or false, and nothing that could mean it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Number(fields.Field[float]):
    """A number of at least `minimum`; `whole` allows no fraction."""

    def __init__(
        self, *, minimum: float = 0, maximum: float | None = None, whole: bool = False, **kwargs: Any
    ) -> None:
        self._minimum, self._maximum, self._whole = minimum, maximum, whole
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # Beyond 2^53 neither JSON's readers nor a window of time can use it.
        most = 2**53 if self._maximum is None else self._maximum
        if not number or not self._minimum <= value <= most or (self._whole and value != int(value)):
            kind = "a whole number" if self._whole else "a number"
            bounds = (
                f"of {self._minimum} or more" if self._maximum is None else f"from {self._minimum} to {most}"
            )
            raise ValidationError(f"must be {kind} {bounds}")
        return int(value) if self._whole else cast("float", value)


class Version(fields.Field[str]):
    """A version: text, or what YAML takes for a number because it has one dot."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValidationError("must be a version such as 1.3.5")
        return str(value)


class Listed(fields.List[Any]):
    """A list of what another field takes."""

    def __init__(self, inner: fields.Field[Any], **kwargs: Any) -> None:
        super().__init__(inner, error_messages={"invalid": "must be a list"}, **kwargs)


class Named(fields.Field[dict[str, Any]]):
    """A mapping whose keys the operator makes up, of what another field takes."""

    def __init__(self, inner: fields.Field[Any], **kwargs: Any) -> None:
        self.inner = inner
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must hold keys with values")
        made, errors = {}, {}
        for name, each in value.items():
            try:
                made[name] = self.inner.deserialize(each)
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return made


class OneOrOther(fields.Field[Any]):
    """What one of several fields takes; `expected` says what that is."""

    def __init__(self, *inner: fields.Field[Any], expected: str, **kwargs: Any) -> None:
        self.inner, self._expected = inner, expected
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        # Of a mapping it is known which field is meant, and so its own errors can be told.
        mapping = next((each for each in self.inner if isinstance(each, Part | Named)), None)
        if isinstance(value, dict) and mapping is not None:
            return mapping.deserialize(value)
        for each in self.inner:
            try:
                return each.deserialize(value)
            except ValidationError:
                continue
        raise ValidationError(self._expected)


class Mapped(fields.Field[dict[str, Any]]):
    """A mapping that is passed on as it is."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must hold keys with values")
        return value


class Pattern(Text):
    """A regular expression."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValidationError("is no regular expression") from error
        return text


class Headers(Named):
    """HTTP headers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Text(), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        headers = super()._deserialize(value, attr, data, **kwargs)
        if wrong := [name for name in headers if not HEADER_NAME.fullmatch(name)]:
            raise ValidationError({wrong[0]: "is no name of a header"})
        return headers


def whole(value: float | None) -> int | None:
    """A number that was read, without its fraction; at least 1."""
    return None if value is None else max(1, int(value))


Loaded = Mapping[str, Any]
