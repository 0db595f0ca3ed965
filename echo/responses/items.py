"""The items of OpenAI's Responses API as turns for a provider.

https://platform.openai.com/docs/api-reference/responses/create
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from echo.completions.contents import read_content, refused
from echo.completions.messages import SYSTEM_ROLES, Shown
from echo.providers.chat import Part, Reasoning, Role, Text, ToolCall, ToolResult, Turn

Json = dict[str, Any]
Item = Mapping[str, Any]
# What parts are called there, and in chat completions.
TEXTS = ("input_text", "output_text", "text")


class ItemReader:
    """Reads items one list after the other, as one conversation."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.system: list[str] = []
        self._begun = False

    def read(self, items: Sequence[Item], place: str) -> tuple[Turn, ...]:
        """The turns of the items; those of the system at the very beginning go to `system` instead.

        What a model says together is one turn, whatever items it is cut into, and so are results of tools. Raises
        `Unprocessable` for what cannot be understood.
        """
        turns: list[tuple[Role, list[Part]]] = []
        for index, item in enumerate(items):
            role, parts = self._read(item, f"{place}.{index}")
            if not parts:
                continue
            if role == "system" and not self._begun:
                self.system += [part.text for part in parts if isinstance(part, Text)]
                continue
            self._begun = True
            if turns and turns[-1][0] == role and role in ("assistant", "tool"):
                turns[-1][1].extend(parts)
            else:
                turns.append((role, list(parts)))
        return tuple(Turn(role, tuple(parts)) for role, parts in turns)

    def _read(self, item: Item, place: str) -> tuple[Role, list[Part]]:
        match item.get("type") or "message":
            case "message":
                return read_message(item, place)
            case "function_call":
                return "assistant", [self._read_call(item, place)]
            case "function_call_output":
                return "tool", [self._read_result(item, place)]
            case "reasoning":
                return "assistant", read_reasoning(item)
            case "item_reference":
                raise refused(f"{place}.type", "must be the item itself: there are no references here")
        raise refused(f"{place}.type", "is no kind of item that is supported here")

    def _read_call(self, item: Item, place: str) -> ToolCall:
        call_id, name = item.get("call_id"), item.get("name")
        if not call_id or not name:
            raise refused(place, "must have call_id and name")
        self._names[call_id] = name
        google = (item.get("extra_content") or {}).get("google") or {}
        signature = google.get("thought_signature")
        signed = signature if isinstance(signature, str) and signature else None
        return ToolCall(call_id, name, item.get("arguments") or "{}", signed)

    def _read_result(self, item: Item, place: str) -> ToolResult:
        call_id = item.get("call_id")
        if not call_id:
            raise refused(f"{place}.call_id", "must name the call that is answered")
        parts = read_parts(item.get("output"), f"{place}.output")
        shown = tuple(part for part in parts if isinstance(part, Shown))
        return ToolResult(call_id, shown, name=self._names.get(call_id))


def read_message(item: Item, place: str) -> tuple[Role, list[Part]]:
    """A message: whose, and what it says."""
    role = item.get("role")
    if role is None or item.get("content") is None:
        raise refused(place, "must have role and content")
    parts = read_parts(item["content"], f"{place}.content")
    if role in SYSTEM_ROLES:
        if not all(isinstance(part, Text) for part in parts):
            raise refused(f"{place}.content", "must be text")
        return "system", parts
    return ("assistant" if role == "assistant" else "user"), parts


def read_parts(content: Any, place: str) -> list[Part]:
    """The parts of a content."""
    if not isinstance(content, list):
        return read_content(content, place)
    return read_content([as_chat_part(part, f"{place}.{at}") for at, part in enumerate(content)], place)


def as_chat_part(part: Item, place: str) -> Json:
    """A part as chat completions have it."""
    kind = part.get("type")
    if kind in TEXTS:
        return {"type": "text", "text": part.get("text")}
    if kind == "refusal":
        return {"type": "refusal", "refusal": part.get("refusal")}
    if kind == "input_image":
        if part.get("file_id"):
            raise refused(place, "must have image_url: there are no files of OpenAI's here")
        return {
            "type": "image_url",
            "image_url": {"url": part.get("image_url") or "", "detail": part.get("detail")},
        }
    if kind == "input_file":
        if part.get("file_url"):
            raise refused(f"{place}.file_url", "must be file_data: Echo fetches nothing")
        return {"type": "file", "file": part}
    raise refused(f"{place}.type", "is no kind of content that is supported here")


def read_reasoning(item: Item) -> list[Part]:
    """What a model thought, if `encrypted_content` is Echo's own: only then can it be given back."""
    proof = unseal(item.get("encrypted_content"))
    if proof is None:
        return []
    shown = item.get("content") or item.get("summary") or ()
    text = "".join(part.get("text") or "" for part in shown)
    return [Reasoning(text, proof.get("signature"), proof.get("redacted"), proof.get("format"))]


def seal(signature: str | None, redacted: str | None, kind: str | None) -> str:
    """The `encrypted_content` of a reasoning item: what its provider wants back, which no other can read."""
    proof = {"signature": signature, "redacted": redacted, "format": kind}
    told = {name: value for name, value in proof.items() if value is not None}
    return base64.urlsafe_b64encode(orjson.dumps(told)).decode()


def unseal(sealed: Any) -> dict[str, str] | None:
    """What `seal` put in; None for what is not Echo's, such as OpenAI's own."""
    if not isinstance(sealed, str):
        return None
    try:
        proof = orjson.loads(base64.urlsafe_b64decode(sealed))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(proof, dict) or not (proof.get("signature") or proof.get("redacted")):
        return None
    return proof if all(isinstance(value, str) for value in proof.values()) else None


def as_items(given: str | Sequence[Item]) -> list[Json]:
    """The `input` of a request as a list of items."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return [{**item, "type": item.get("type") or "message"} for item in given]
