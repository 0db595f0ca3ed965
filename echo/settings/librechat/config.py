"""A `librechat.yaml`, read and checked: every error at once, and what is worth a warning."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from echo.settings.librechat.document import MAX_BYTES, Document, Place, dotted, read_document
from echo.settings.librechat.expansion import VARIABLE, Expansion, Forbidden, Unset
from echo.settings.librechat.safeguards import missing_key
from echo.settings.librechat.schema import Config
from echo.settings.librechat.survey import survey
from echo.settings.model import Safeguard
from echo.settings.reader import ConfigFileError, SettingsError

MAX_ERRORS = 50
MAX_UNKNOWN = 50
_SCHEMA = Config()


class ConfigFile:
    """A file of configuration; an empty one where there is none.

    `warnings` are sentences for the log, `missing_safeguards` what would protect in LibreChat. What is found wrong
    while the file is used is noted by `refuse`; `check` raises it all.
    """

    def __init__(self, document: Document | None, variable: Callable[[str], str | None]) -> None:
        self._document = document or Document("librechat.yaml", {}, {})
        self._expansion = Expansion(variable)
        self._errors: list[str] = []
        self.warnings: list[str] = []
        self.missing_safeguards: list[Safeguard] = []
        self.values: Mapping[str, Any] = {} if document is None else self._load()

    @property
    def variables(self) -> frozenset[str]:
        """The variables that the file names."""
        return frozenset(self._expansion.used)

    @property
    def written(self) -> Mapping[str, Any]:
        """What stands in the file, unchecked and whole; it may hold secrets."""
        data: Mapping[str, Any] = self._document.data
        return data

    def section(self, name: str) -> Mapping[str, Any]:
        """A section of the file; empty where it is not there."""
        found: Mapping[str, Any] = self.values.get(name, {})
        return found

    def refuse(self, place: Place, text: str) -> None:
        """Note an error."""
        self._errors.append(f"{self._document.where(place)} {text}.")

    def warn(self, place: Place, text: str) -> None:
        """Note a warning."""
        self.warnings.append(f"{self._document.where(place)} {text}.")

    def expand(self, place: Place, text: str | None, otherwise: str) -> str | None:
        """A text with `${VAR}` replaced; None for no text, and with a warning where a variable is not set.

        `otherwise` says in the warning what follows from that.
        """
        try:
            return self._expansion.expand(text) if text is not None else None
        except Unset as error:
            self.warn(place, f"names {error}, which is not set: {otherwise}")
        except Forbidden as error:
            self.refuse(place, f"must not name {error}, which is a secret of the server itself")
        return None

    def check(self) -> None:
        """Raise `ConfigFileError` with every error, a line for each, in the order of the file."""
        if self._errors:
            raise ConfigFileError("\n".join(self._errors[:MAX_ERRORS]))

    def _load(self) -> Mapping[str, Any]:
        data = self._document.data
        self._survey(data)
        try:
            loaded: Mapping[str, Any] = _SCHEMA.load(data)
        except ValidationError as error:
            found = sorted(_flat(error.messages, ()), key=lambda each: (self._line(each[0]), dotted(each[0])))
            for place, text in found:
                self.refuse(place, text)
            self.check()
        return loaded

    def _line(self, place: Place) -> int:
        while place and place not in self._document.lines:
            place = place[:-1]
        return self._document.lines.get(place, 0)

    def _survey(self, data: Any) -> None:
        ignored: dict[str, None] = {}
        unknown = 0
        for key in survey(_SCHEMA, data):
            if key.kind == "ignored":
                name = dotted(tuple(step for step in key.place if isinstance(step, str)))
                if safeguard := missing_key(name):
                    self.missing_safeguards.append(safeguard)
                else:
                    ignored[name] = None
                continue
            unknown += 1
            if unknown <= MAX_UNKNOWN:
                like = f"; did you mean {key.like}?" if key.like else "."
                self.warnings.append(
                    f"{self._document.where(key.place)} is not a key that is known here{like}"
                )
        if unknown > MAX_UNKNOWN:
            self.warnings.append(
                f"{self._document.name}: {unknown - MAX_UNKNOWN} more keys are not known here."
            )
        if ignored:
            self.warnings.append(f"{self._document.name}: without effect in Echo: {', '.join(ignored)}.")


def _flat(messages: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """marshmallow's nested messages as places and texts."""
    if isinstance(messages, dict):
        for step, inner in messages.items():
            yield from _flat(inner, place if step == "_schema" else (*place, step))
    elif isinstance(messages, list):
        yield place, " ".join(str(text) for text in messages)
    else:
        yield place, str(messages)


def read_config(path: str | None, default: Path | None, variable: Callable[[str], str | None]) -> ConfigFile:
    """The file at `CONFIG_PATH`, else the default one where it exists. Raises `SettingsError`."""
    if path is None:
        document = read_document(default) if default is not None and default.is_file() else None
        return ConfigFile(document, variable)
    if path.lower().startswith(("http://", "https://")):
        raise SettingsError(
            "CONFIG_PATH must be a file: Echo does not fetch its configuration from elsewhere."
        )
    return ConfigFile(read_document(Path(path).expanduser()), variable)


def named_variables(path: Path) -> frozenset[str] | None:
    """The variables that a file names, also one that is broken; None where it cannot be read at all."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return None
    return frozenset(VARIABLE.findall(text))
