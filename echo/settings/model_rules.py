"""`ECHO_MODEL_ACCESS`: a file that says which models are open to whom, or the text of one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from echo.settings.librechat.document import Document, parse, read_document
from echo.settings.model_access import ModelRules
from echo.settings.reader import Reader, SettingsError

NAME = "ECHO_MODEL_ACCESS"
MAX_NAME, MAX_LISTED = 512, 1000


class RulesSchema(Schema):
    """The document."""

    _listed = fields.List(
        fields.String(validate=validate.Length(1, MAX_NAME)), validate=validate.Length(max=MAX_LISTED)
    )
    roles = fields.Dict(fields.String(), _listed, load_default=dict)
    groups = fields.Dict(fields.String(), _listed, load_default=dict)


def read_model_access(reader: Reader) -> ModelRules | None:
    """The rules; None where there are none. Raises `SettingsError`."""
    given: str | None = reader.text(NAME)
    if given is None:
        return None
    try:
        loaded: Any = RulesSchema().load(_document(given).data)
    except ValidationError as error:
        raise SettingsError(f"{NAME}: {'; '.join(_faults(error.messages))}.") from error
    return ModelRules(
        *({name: tuple(each) for name, each in loaded[kind].items()} for kind in ("roles", "groups"))
    )


def _document(given: str) -> Document:
    if given.startswith("{"):
        return parse(given, NAME)
    path = Path(given).expanduser()
    if not path.is_file():
        raise SettingsError(f"{NAME} names a file that is not there: {path}.")
    return read_document(path)


def _faults(messages: Any, place: str = "") -> Iterator[str]:
    if isinstance(messages, Mapping):
        for name, each in messages.items():
            # A dictionary's faults are of its keys or its values.
            further = place if name in {"key", "value"} else f"{place}.{name}".lstrip(".")
            yield from _faults(each, further)
    else:
        yield from (f"{place}: {each.rstrip('.').lower()}" for each in messages)
