"""What a server answers to a call, as a model reads it and as people see it: LibreChat's forms of both."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from echo.providers.chat import Attachment, Text
from echo.tools.mcp.catalog import plain
from echo.tools.mcp.limits import MAX_PARTS, MAX_PICTURE_BYTES, MAX_TEXT
from echo.tools.tool import ToolOutput

Json = dict[str, Any]
NOTHING = "(No response)"
TOO_LARGE = "[A file of the answer is left out: it is too large.]"
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
SOUNDS = ("audio/wav", "audio/mpeg", "audio/mp3", "audio/ogg", "audio/flac", "audio/webm", "audio/mp4")
PAGE = "ui://"
HOW_TO_SHOW = (
    "A UI resource is shown to the user where the answer has its marker \\ui{id}; several in one marker, with commas"
    " between their ids, are shown side by side."
)


def output_of(content: Iterable[Mapping[str, Any]], structured: Any, *, is_error: bool) -> ToolOutput:
    """The output; `content` are MCP's blocks as JSON, with its own names."""
    reader = _Reader()
    for block in list(content)[:MAX_PARTS]:
        reader.take(block)
    if not reader.texts and not reader.files and structured is not None:
        reader.say(json.dumps(structured, ensure_ascii=False))
    if reader.pages:
        reader.say(HOW_TO_SHOW)
    text = "\n\n".join(reader.texts) or ("" if reader.files else NOTHING)
    parts = (*((Text(text),) if text else ()), *reader.files)
    shown = ({"type": "ui_resources", "ui_resources": reader.pages},) if reader.pages else ()
    return ToolOutput(parts, is_error, shown)


class _Reader:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.files: list[Attachment] = []
        self.pages: list[Json] = []
        self._room = MAX_TEXT

    def say(self, text: str) -> None:
        said = text[: self._room]
        self._room -= len(said)
        if said:
            self.texts.append(said)

    def take(self, block: Mapping[str, Any]) -> None:
        kind = block.get("type")
        if kind == "text":
            self.say(str(block.get("text") or ""))
        elif kind in ("image", "audio"):
            self._file(block.get("data"), block.get("mimeType"), str(kind))
        elif kind == "resource" and isinstance(block.get("resource"), Mapping):
            self._resource(block["resource"])
        else:
            self.say(json.dumps(block, ensure_ascii=False))

    def _file(self, data: Any, media_type: Any, kind: str) -> None:
        kinds = PICTURES if kind == "image" else SOUNDS
        content = _decoded(data)
        if content is None or media_type not in kinds:
            self.say(TOO_LARGE if content is None and data else f"[An {kind} of a type that cannot be used.]")
            return
        ending = str(media_type).rpartition("/")[2]
        self.files.append(Attachment(f"{kind}-{len(self.files) + 1}.{ending}", str(media_type), content))

    def _resource(self, resource: Mapping[str, Any]) -> None:
        uri, text = str(resource.get("uri") or ""), resource.get("text")
        media_type = resource.get("mimeType")
        if uri.startswith(PAGE):
            self._page(resource, text if isinstance(text, str) and text else uri)
        elif isinstance(text, str) and text:
            self.say(f"Resource Text: {text}")
        elif isinstance(media_type, str) and media_type.startswith("image/"):
            self._file(resource.get("blob"), media_type, "image")
        lines = [f"Resource URI: {plain(uri, 2048)}"] if uri else []
        lines += [f"Resource MIME Type: {plain(str(media_type), 200)}"] if media_type else []
        if lines:
            self.say("\n".join(lines))

    def _page(self, resource: Mapping[str, Any], content: str) -> None:
        """What a client shows by itself; LibreChat's id of it is the beginning of a hash of what it is."""
        if len(content) > MAX_TEXT:
            self.say(TOO_LARGE)
            return
        name = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:10]
        kept = {key: resource[key] for key in ("uri", "mimeType", "text", "blob") if key in resource}
        self.pages.append({**kept, "resourceId": name})
        self.say(f"UI Resource ID: {name}\nUI Resource Marker: \\ui{{{name}}}")


def _decoded(data: Any) -> bytes | None:
    if not isinstance(data, str) or not data or len(data) > MAX_PICTURE_BYTES * 4 // 3 + 4:
        return None
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
