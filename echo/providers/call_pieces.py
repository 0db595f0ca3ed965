"""The calls of tools in OpenAI's chunks, also as servers write them that only resemble OpenAI's.

OpenAI gives each call an `index`, with an `id` and a `name` in its first piece, and its arguments piece by piece.
Others leave the index out, or have 0 for every call; send no id; repeat id and name with each piece; give the
arguments as an object; put whole calls into one piece, or have `function_call`, as OpenAI had before.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from echo.providers.events import ToolCallDelta
from echo.providers.reading import Joiner, dig, whole_text_at

# More at once are no answer to anything.
MAX_CALLS = 128
# Gateways hide signatures in ids. A name that is longer is none of a tool that was offered.
MAX_ID = MAX_NAME = 8000


@dataclass
class _Call:
    place: int
    key: object
    id: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    joiner: Joiner = field(default_factory=Joiner)
    told: bool = False

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class CallPieces:
    """Puts the calls of one answer together, and tells their pieces apart."""

    def __init__(self, choice: int = 0) -> None:
        self._choice = choice
        self._calls: list[_Call] = []
        self._told = 0
        self.by_delta = False

    def read(self, said: Any, *, whole: bool = False) -> list[ToolCallDelta]:
        """The events of a delta; of a message that is `whole` only what no delta has told."""
        listed = dig(said, "tool_calls")
        pieces = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        if isinstance(older := dig(said, "function_call"), dict):
            pieces.append({"index": "function_call", "function": older})
        if whole and self.by_delta:
            return []
        self.by_delta = self.by_delta or (bool(pieces) and not whole)
        return [
            event
            for place, piece in enumerate(pieces[:MAX_CALLS])
            for event in self._piece(piece, place if len(pieces) > 1 else None, whole=whole)
        ]

    def _piece(self, piece: dict[str, Any], place: int | None, *, whole: bool) -> Iterator[ToolCallDelta]:
        function = piece.get("function") if isinstance(piece.get("function"), dict) else piece
        name, arguments = whole_text_at(function, "name")[:MAX_NAME], as_text(dig(function, "arguments"))
        index = piece.get("index")
        if whole:
            # Each time the message is told again, and may have grown.
            index = ("whole", place)
        call = self._find(piece, index, place, name, arguments, grows=whole)
        if call is None:
            return
        if whole:
            arguments = arguments.removeprefix(call.arguments)
        arguments = call.joiner.join(arguments)
        call.name = call.name or name
        call.pieces.append(arguments)
        signature = whole_text_at(piece, "extra_content", "google", "thought_signature") or None
        if not call.told and call.name:
            call.told, call.place = True, self._told
            self._told += 1
            yield ToolCallDelta(
                call.place, call.id, call.name, call.arguments, signature, choice=self._choice
            )
        elif call.told and (arguments or signature):
            yield ToolCallDelta(call.place, arguments=arguments, signature=signature, choice=self._choice)

    def _find(
        self, piece: Any, index: Any, place: int | None, name: str, arguments: str, *, grows: bool
    ) -> _Call | None:
        """The call that a piece belongs to, a new one where it begins one; None for a piece of nothing."""
        told_id = known_id(piece)
        known = self._known(index, place, told_id, name)
        if known is not None and (grows or not _begins_another(known, told_id, name, arguments)):
            return known
        if not name and not told_id and not arguments:
            return None
        if len(self._calls) >= MAX_CALLS:
            return None
        key = index if isinstance(index, int | str | tuple) else None
        taken = any(each.id == told_id for each in self._calls)
        call = _Call(0, key, told_id if told_id and not taken else made_id())
        self._calls.append(call)
        return call

    def _known(self, index: Any, place: int | None, told_id: str, name: str) -> _Call | None:
        if isinstance(index, int | str | tuple):
            return next((each for each in reversed(self._calls) if each.key == index), None)
        if told_id:
            return next((each for each in reversed(self._calls) if each.id == told_id), None)
        if place is not None and not name and place < len(self._calls):
            return self._calls[place]
        return self._calls[-1] if self._calls else None


def _begins_another(known: _Call, told_id: str, name: str, arguments: str) -> bool:
    """Whether a piece in a known call's place begins another one: some servers give every call the index 0."""
    if not name or not known.name:
        return False
    if told_id and told_id != known.id:
        return True
    return name != known.name or (bool(arguments.strip()) and is_whole(known.arguments))


def is_whole(arguments: str) -> bool:
    """Whether these are all of a call's arguments: an object in JSON."""
    if not arguments.endswith("}"):
        return False
    try:
        return isinstance(orjson.loads(arguments), dict)
    except orjson.JSONDecodeError:
        return False


def as_text(arguments: Any) -> str:
    """Arguments as a JSON text, also where they came as an object."""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False) if isinstance(arguments, dict | list) else ""


def known_id(piece: Any) -> str:
    """The id that a piece tells, empty where it tells none that can be given back."""
    told = whole_text_at(piece, "id")
    return told if len(told) <= MAX_ID else ""


def made_id() -> str:
    """An id for a call that came without one."""
    return f"call_{secrets.token_hex(12)}"
