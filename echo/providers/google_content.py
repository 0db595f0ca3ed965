"""Turns as Gemini's contents and their parts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from mimetypes import guess_type
from typing import Any

from echo.providers.arguments import as_object
from echo.providers.chat import (
    Attachment,
    Part,
    PictureAddress,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from echo.providers.content import file_text, full_text, in_base64, is_text_file

FORMAT = "google"
VERSION = re.compile(r"gemini-(\d{1,2})")
# Stands for the signature of a call that another model made, or that a client has lost.
# https://ai.google.dev/gemini-api/docs/thought-signatures, among its questions.
UNSIGNED = "skip_thought_signature_validator"
# The type must be told of what only the provider will see.
A_PICTURE = "image/jpeg"

Block = dict[str, Any]


def is_new(model: str) -> bool:
    """Whether the model is of Gemini 3 or later, also where a name such as `gemini-flash-latest` does not tell."""
    name = model.removeprefix("models/")
    version = VERSION.match(name)
    return name.startswith("gemini-") and (version is None or int(version[1]) >= 3)


def contents(turns: Sequence[Turn], model: str) -> list[dict[str, Any]]:
    """The turns as contents, the first one the user's; those without anything are left out, as they are refused.

    All results of one answer's calls stand in one content, as Gemini wants them.
    """
    names = {call.id: call.name for turn in turns for call in turn.calls}
    first = next((i for i, turn in enumerate(turns) if turn.role != "assistant" or turn.calls), len(turns))
    latest = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
    made: list[dict[str, Any]] = []
    results = False
    for index, turn in enumerate(turns[first:], first):
        if turn.role == "assistant":
            content = {"role": "model", "parts": _said(turn, model, signed=index > latest)}
        else:
            content = {"role": "user", "parts": _asked(turn, names, model)}
        if not content["parts"]:
            continue
        if results and turn.role == "tool":
            made[-1]["parts"] += content["parts"]
        else:
            made.append(content)
        results = turn.role == "tool"
    return made


def _said(turn: Turn, model: str, *, signed: bool) -> list[Block]:
    """What the model has said, its signatures where they stood or at the next text."""
    made: list[Block] = []
    signature: str | None = None
    for part in turn.parts:
        if isinstance(part, Reasoning) and part.format == FORMAT and signed:
            signature = part.signature or signature
        elif isinstance(part, Text | Refusal) and part.text:
            made.append({"text": part.text, **_signed(signature)})
            signature = None
        elif isinstance(part, ToolCall):
            call = {"name": part.name, "args": as_object(part.arguments), "id": part.id}
            made.append({"functionCall": call, **_signed(part.signature)})
    _sign_first(made, model)
    return [*made, {"text": "", **_signed(signature)}] if signature else made


def _signed(signature: str | None) -> Block:
    return {"thoughtSignature": signature} if signature else {}


def _sign_first(made: list[Block], model: str) -> None:
    """Newer models refuse an answer whose first call has no signature."""
    first = next((part for part in made if "functionCall" in part), None)
    if first is not None and is_new(model):
        first.setdefault("thoughtSignature", UNSIGNED)


def _asked(turn: Turn, names: Mapping[str, str], model: str) -> list[Block]:
    """What the user says, and results. With one text only, what goes with it comes before."""
    if turn.role == "tool" or sum(isinstance(part, Text) for part in turn.parts) > 1:
        return [block for part in turn.parts for block in _asked_part(part, names, model)]
    media = [part for part in turn.parts if not (isinstance(part, Text | Refusal) or _is_text_file(part))]
    text = full_text(turn)
    made = [block for part in media for block in _asked_part(part, names, model)]
    return [*made, {"text": text}] if text else made


def _is_text_file(part: Part) -> bool:
    return isinstance(part, Attachment) and is_text_file(part)


def _asked_part(part: Part, names: Mapping[str, str], model: str) -> Iterator[Block]:
    if isinstance(part, ToolResult):
        yield from _result(part, names, model)
    elif isinstance(part, Text | Refusal) and part.text:
        yield {"text": part.text}
    elif isinstance(part, PictureAddress):
        kind = guess_type(part.url.partition("?")[0])[0] or A_PICTURE
        yield {"fileData": {"fileUri": part.url, "mimeType": kind}}
    elif isinstance(part, Attachment):
        yield _attached(part)


def _attached(part: Attachment) -> Block:
    """A text file is shown with its name; everything else Gemini reads for itself."""
    if is_text_file(part):
        return {"text": file_text(part)}
    return {"inlineData": {"mimeType": part.media_type, "data": in_base64(part)}}


def _result(part: ToolResult, names: Mapping[str, str], model: str) -> Iterator[Block]:
    """A result; what is no text stands in it for newer models, and after it for those that do not read it there."""
    blocks = [block for each in part.content for block in _asked_part(each, names, model)]
    media = [block for block in blocks if "text" not in block]
    text = "\n".join(block["text"] for block in blocks if "text" in block)
    name = part.name or names.get(part.call_id) or part.call_id
    made: Block = {"name": name, "id": part.call_id}
    made["response"] = {"error" if part.is_error else "output": text}
    if media and is_new(model):
        yield {"functionResponse": {**made, "parts": media}}
        return
    yield {"functionResponse": made}
    yield from media
