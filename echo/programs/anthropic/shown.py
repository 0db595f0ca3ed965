"""Blocks that show the model something: texts, pictures, documents, results of a search."""

from collections.abc import Mapping
from typing import Any

from echo.completions.contents import NO_ADDRESS, NO_PICTURE, checked_address, decoded, kind_of, refused
from echo.errors import Unprocessable
from echo.files.kinds import IMAGE_TYPES
from echo.providers.chat import Attachment, PictureAddress, Text
from echo.providers.parts import PDF

Json = Mapping[str, Any]
Shown = Text | Attachment | PictureAddress
PLAIN = "text/plain"


def read_shown(block: Json, place: str, number: int) -> list[Shown] | None:
    """The parts that a block stands for; None where it shows nothing. `number` names what has no name.

    Raises `Unprocessable` for what is not what it should be.
    """
    match block["type"]:
        case "text":
            return [Text(block.get("text") or "")]
        case "image":
            return [_picture(_source(block), f"{place}.source", number)]
        case "document":
            return _document(block, place, number)
        case "search_result":
            return [_found(block, number)]
    return None


def _source(block: Json) -> Json:
    """Where it comes from; a search result has a text there."""
    source = block.get("source")
    return source if isinstance(source, Mapping) else {}


def _found(block: Json, number: int) -> Attachment:
    """A result of a search, as a text file with its address."""
    _refuse_citations(block)
    source, content = block.get("source"), block.get("content")
    texts = content if isinstance(content, list) else [{"text": content}]
    said = [source if isinstance(source, str) else "", *(each.get("text") or "" for each in texts)]
    return _text_file(block.get("title") or f"result-{number}", "\n".join(filter(None, said)))


def _picture(source: Json, place: str, number: int) -> Attachment | PictureAddress:
    if source.get("type") == "url":
        return PictureAddress(checked_address(source.get("url") or "", place))
    if source.get("type") != "base64":
        raise refused(place, "must be `base64` or `url`: there are no files of Anthropic's here")
    content = decoded(source.get("data") or "", f"{place}.data")
    kind = kind_of(content, "", f"{place}.data", NO_PICTURE)
    if kind not in IMAGE_TYPES:
        raise refused(f"{place}.data", NO_PICTURE)
    return Attachment(f"picture-{number}.{kind.partition('/')[2]}", kind, content)


def _document(block: Json, place: str, number: int) -> list[Shown]:
    """A document, after what the client says of it."""
    _refuse_citations(block)
    source, where = _source(block), f"{place}.source"
    title = block.get("title") or f"document-{number}"
    said: list[Shown] = [Text(block["context"])] if block.get("context") else []
    match source.get("type"):
        case "text":
            return [*said, _text_file(title, source.get("data") or "")]
        case "base64":
            content = decoded(source.get("data") or "", f"{where}.data")
            if kind_of(content, "", f"{where}.data", "is no PDF") != PDF:
                raise refused(f"{where}.data", "is no PDF")
            return [*said, Attachment(title, PDF, content)]
        case "content":
            return [*said, *_parts(source.get("content") or "", f"{where}.content")]
        case "url":
            raise refused(where, f"cannot be an address: Echo fetches nothing. A picture {NO_ADDRESS}")
    raise refused(where, "must be `base64`, `text` or `content`: there are no files of Anthropic's here")


def _parts(content: Any, place: str) -> list[Shown]:
    if isinstance(content, str):
        return [Text(content)]
    found: list[Shown] = []
    for index, each in enumerate(content):
        if each["type"] not in ("text", "image"):
            raise refused(f"{place}.{index}", "must be a text or a picture")
        found += read_shown(each, f"{place}.{index}", index + 1) or ()
    return found


def _text_file(title: str, text: str) -> Attachment:
    return Attachment(title, PLAIN, text.encode("utf-8", "replace"))


def _refuse_citations(block: Json) -> None:
    if (block.get("citations") or {}).get("enabled"):
        raise Unprocessable(
            "Echo does not pass on citations of documents; ask without them.",
            code="unsupported_parameter",
        )
