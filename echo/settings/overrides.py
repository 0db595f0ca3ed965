"""What administrators change while the server runs: parts of `librechat.yaml`, for everybody or for some.

What clients are shown can be changed like this, the model specs, who may register, and what may be uploaded as far
as that allows less than the file does. Everything else is read when the server starts: an override of it is refused
where one would be made, and one that LibreChat made has no effect here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from echo.settings.configured import with_sections
from echo.settings.librechat.client import read_client
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.document import Document
from echo.settings.model import Settings
from echo.settings.reader import ConfigFileError

# What of `interface` clients are shown; its other keys are the permissions of roles, or retention.
INTERFACE = (
    *("privacyPolicy", "termsOfService", "customWelcome", "modelSelect", "parameters", "presets"),
    *("feedback", "autoSubmitFromUrl", "codeHighlightThrottleMs", "buildInfo"),
    *("contextUsage", "contextCost", "currency"),
)
# The paths that can be overridden, with all that is below them.
CHANGEABLE = (
    *(f"interface.{name}" for name in INTERFACE),
    *("modelSpecs", "registration.allowedDomains", "registration.socialLogins", "fileConfig"),
)
SECTIONS = ("interface", "modelSpecs", "registration", "fileConfig")
# The settings for a user, or with None those for everybody.
SettingsOf = Callable[[str | None], Settings]
_VERSION = {"version": "1.0.0"}
_ABSENT = object()


@dataclass(frozen=True)
class Override:
    """Values by section, and paths that are taken away."""

    values: Mapping[str, Any] = field(default_factory=dict)
    tombstones: Sequence[str] = ()


def is_changeable(path: str) -> bool:
    """Whether what is at a path can be changed while the server runs."""
    return any(path == each or path.startswith(f"{each}.") for each in CHANGEABLE)


def fixed_paths(values: Mapping[str, Any]) -> list[str]:
    """The paths in overrides that only count when the server starts."""
    return [path for path in _paths(values) if not is_changeable(path)]


def _paths(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """The paths of values, down to those that can be changed, or that hold no other."""
    for name, value in values.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping) and value and not is_changeable(path):
            yield from _paths(value, f"{path}.")
        else:
            yield path


def merged(written: Mapping[str, Any], overrides: Iterable[Override]) -> dict[str, Any]:
    """The file with overrides over it, one after the other: objects are merged, other values replaced."""
    result = dict(written)
    for override in overrides:
        for path in override.tombstones:
            result = without(result, path)
        result = _over(result, override.values)
    return result


def applied(settings: Settings, overrides: Iterable[Override]) -> Settings:
    """The settings as overrides change them. Raises `ConfigFileError` with what is wrong in them.

    Of an override only what can be changed counts.
    """
    counting = [
        Override(_changeable(each.values), [path for path in each.tombstones if is_changeable(path)])
        for each in overrides
    ]
    if not any(each.values or each.tombstones for each in counting):
        return settings
    sections = {name: settings.file[name] for name in (*SECTIONS, "balance") if name in settings.file}
    config = _read(merged(sections, counting))
    client = settings.client
    changed = read_client(
        config,
        balance=client.balance,
        custom_footer=client.custom_footer,
        help_url=client.help_url,
        build=client.build,
    )
    complete = with_sections(replace(settings, client=changed), config)
    config.check()
    return complete


def check(values: Mapping[str, Any]) -> None:
    """Raise `ConfigFileError` for overrides that are wrong in themselves, or that nobody knows."""
    config = _read(values)
    config.check()
    if config.warnings:
        raise ConfigFileError("\n".join(config.warnings))


def _read(data: Mapping[str, Any]) -> ConfigFile:
    return ConfigFile(Document("configuration", {**_VERSION, **data}, {}), lambda _name: None)


def _changeable(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that count."""
    kept: dict[str, Any] = {}
    for path in CHANGEABLE:
        section, _, name = path.partition(".")
        found = values.get(section, _ABSENT)
        if not name and found is not _ABSENT:
            kept[section] = found
        elif name and isinstance(found, Mapping) and name in found:
            kept.setdefault(section, {})[name] = found[name]
    return kept


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for name, value in above.items():
        present = result.get(name)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            result[name] = _over(present, value)
        else:
            result[name] = value
    return result


def with_value(values: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with a value at a path; what is missing on the way is made."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**values, head: value}
    inner = values.get(head)
    return {**values, head: with_value(inner if isinstance(inner, Mapping) else {}, rest, value)}


def without(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A copy without what is at a path; objects that held nothing else go too."""
    head, _, rest = path.partition(".")
    inner = values.get(head, _ABSENT)
    if inner is _ABSENT or (rest and not isinstance(inner, Mapping)):
        return dict(values)
    left = without(inner, rest) if rest else {}
    return {name: left if name == head else value for name, value in values.items() if name != head or left}
