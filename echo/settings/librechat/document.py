"""Reading a YAML file into plain data that knows its lines, whatever the file is: broken, huge, or made to be a trap.

ruamel.yaml parses (YAML 1.2, as LibreChat's own reader: `yes` is a word); the tree is turned into data here, because
the library's constructors forget the lines of values and follow aliases without end.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from echo.settings.reader import ConfigFileError

Place = tuple[str | int, ...]

# LibreChat's example with all its comments has 80 KB.
MAX_BYTES = 1024 * 1024
# Values in the file with aliases followed; a file of that size without any has fewer.
MAX_VALUES = 100_000
MAX_DEPTH = 50
# The parser takes seconds for thousands of brackets in a row, before it gives up.
TOWER = re.compile(rf"(?:[\[{{]\s*){{{MAX_DEPTH}}}")
MERGE = "<<"
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """The data of a file, and the line on which each key or item stands."""

    name: str
    data: Any
    lines: Mapping[Place, int]

    def where(self, place: Place) -> str:
        """File, line and key, as messages begin; of what is missing, the line of what lacks it."""
        known = place
        while known not in self.lines and known:
            known = known[:-1]
        line = f"{self.name}, line {self.lines.get(known, 1)}"
        return f"{line}: {dotted(place)}" if place else f"{line}: the file"


def dotted(place: Place) -> str:
    """A place as people write it: `endpoints.custom.0.apiKey`."""
    return ".".join(str(step) for step in place)


def read_document(path: Path) -> Document:
    """The document in a file. Raises `ConfigFileError`: one sentence, with the line where there is one."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigFileError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise ConfigFileError(f"{path} has more than {MAX_BYTES} bytes, which no configuration has.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigFileError(f"{path.name}, line {line}: this is not UTF-8.") from error
    return parse(text, path.name)


def parse(text: str, name: str) -> Document:
    """The document in a text; see `read_document`."""
    if TOWER.search(text):
        raise ConfigFileError(f"{name} is nested too deeply.")
    reader = YAML(typ="safe", pure=True)
    # An anchor may be set anew (YAML 1.2.2, section 3.2.2.2): strangers' files would fill the log with themselves.
    reader.composer.warn_double_anchors = False
    try:
        root = reader.compose(text)
    except YAMLError as error:
        raise ConfigFileError(_broken(error, name)) from error
    except RecursionError as error:
        raise ConfigFileError(f"{name} is nested too deeply.") from error
    builder = _Builder(name)
    data = builder.value(root, ()) if root is not None else {}
    if not isinstance(data, dict):
        raise ConfigFileError(f"{name}, line 1: the file must hold keys with values.")
    if builder.errors:
        raise ConfigFileError("\n".join(builder.errors))
    return Document(name, data, builder.lines)


def _broken(error: YAMLError, name: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "there is a character in it that YAML does not allow"
    if "\\t" in problem:
        problem = "there is a tab where only spaces may be"
    line = f", line {mark.line + 1}" if mark else ""
    return f"{name}{line}: this is not YAML: {' '.join(str(problem).split())}."


class _Builder:
    """Turns nodes into data, depth first, and notes lines and errors."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = self._depth = 0
        self._scalars = YAML(typ="safe", pure=True).constructor
        self.lines: dict[Place, int] = {}
        self.errors: list[str] = []

    def value(self, node: Node, place: Place) -> Any:
        """The value of a node that stands at a place."""
        self._count += 1
        # Not the place's length: what `<<` merges stands in no deeper place, and can merge itself.
        self._depth += 1
        if self._count > MAX_VALUES or self._depth > MAX_DEPTH:
            raise ConfigFileError(f"{self._name} holds too much: aliases make it grow without end.")
        self.lines.setdefault(place, node.start_mark.line + 1)
        value: Any
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            value = self._mapping(node, place)
        elif isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            value = [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        else:
            value = self._scalar(node)
        self._depth -= 1
        return value

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for name_node, value_node in node.value:
            line, name = name_node.start_mark.line + 1, self._key(name_node)
            if name in seen:
                self._refuse(line, f"{dotted((*place, name))} stands on line {seen[name]} already")
            seen[name] = line
            if name == MERGE:
                continue
            # A key without a value is as good as no key.
            self.lines[*place, name] = line
            if (value := self.value(value_node, (*place, name))) is not None:
                found[name] = value
        for merged in self._merged(node, place):
            found |= {name: value for name, value in merged.items() if name not in seen and name not in found}
        return found

    def _merged(self, node: MappingNode, place: Place) -> Iterator[dict[str, Any]]:
        """What `<<` adds: mappings by their aliases."""
        for name_node, value_node in node.value:
            if not isinstance(name_node, ScalarNode) or name_node.value != MERGE:
                continue
            several = isinstance(value_node, SequenceNode)
            for each in value_node.value if several else (value_node,):
                value = self.value(each, place)
                if isinstance(value, dict):
                    yield value
                else:
                    self._refuse(name_node.start_mark.line + 1, "`<<` must be followed by a mapping")

    def _key(self, node: Node) -> str:
        if isinstance(node, ScalarNode):
            return self._text(node)
        self._refuse(node.start_mark.line + 1, "a key must be a word")
        return f"?{node.start_mark.line}"

    def _scalar(self, node: Node) -> Any:
        line, kind = node.start_mark.line + 1, str(node.tag).removeprefix(_TAG)
        if not isinstance(node, ScalarNode) or kind not in (
            "str",
            "int",
            "float",
            "bool",
            "null",
            "timestamp",
        ):
            self._refuse(line, "a value has a tag that is not understood")
            return None
        if kind in ("str", "timestamp"):
            return self._text(node)
        try:
            value = self._scalars.construct_object(node)
        except (ValueError, IndexError, YAMLError):
            value = math.nan
        # What does not fit into 64 bits fits into no JSON of ours; nothing is less than NaN.
        if isinstance(value, int | float) and not abs(value) < 2.0**63:
            self._refuse(line, "a number cannot be used")
        return value

    def _text(self, node: ScalarNode) -> str:
        text = str(node.value)
        # An escape can stand for half a character.
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._refuse(node.start_mark.line + 1, "a text holds what is no character")
        return text

    def _refuse(self, line: int, text: str) -> None:
        if len(self.errors) < 20:
            self.errors.append(f"{self._name}, line {line}: {text}.")
