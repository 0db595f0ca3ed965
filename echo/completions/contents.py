"""The content of OpenAI's messages as parts: what files are is judged by their bytes, and nothing is fetched.

What is not understood is refused: to leave something out in silence would change the question.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from yarl import URL

from echo.errors import FieldError, Unprocessable, UnsupportedMediaType
from echo.files.kinds import IMAGE_TYPES, find_type
from echo.files.text import TEXT_TYPES
from echo.providers.addresses import is_public_host
from echo.providers.chat import Attachment, Part, PictureAddress, Refusal, Text
from echo.providers.parts import PDF

NO_PICTURE = "is no picture of a type that is accepted"
NO_ADDRESS = "must be a data: URL, or a public http(s) address that the provider can fetch"
# RFC 2397, in small letters or capitals (RFC 3986, section 3.1; RFC 2045, section 5.1). The named type decides
# nothing: the content does.
DATA_URL = re.compile(r"data:[^,]{0,200};base64,(?P<content>.+)", re.ASCII | re.IGNORECASE | re.DOTALL)
# Both alphabets of RFC 4648; what is missing at the end is no harm.
BASE64 = re.compile(r"(?P<content>[A-Za-z0-9+/_-]+)={0,2}")
MAX_ADDRESS = 8192
# Far more than providers take (OpenAI: ten levels), and less than what cannot be written as JSON any more.
MAX_DEPTH = 100
ADDRESS = re.compile(r"https?://[\x21-\x7e]+", re.IGNORECASE)
URL_SAFE = str.maketrans("-_", "+/")


def read_content(content: Any, place: str) -> list[Part]:
    """The parts of a content that has passed the contract; texts without a word are left out."""
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)] if content else []
    found: list[Part] = []
    for index, part in enumerate(content):
        number = 1 + sum(not isinstance(each, Text) for each in found)
        if read := _read_part(part, f"{place}.{index}", number):
            found.append(read)
    return found


def _read_part(part: Mapping[str, Any], place: str, number: int) -> Part | None:
    match part["type"]:
        case "text":
            return Text(part["text"]) if part.get("text") else None
        case "refusal":
            return Refusal(part["refusal"]) if part.get("refusal") else None
        case "input_audio":
            return _read_audio(part.get("input_audio") or {}, f"{place}.input_audio", number)
        case "file":
            return _read_file(part.get("file") or {}, f"{place}.file", number)
    return _read_picture(part.get("image_url") or {}, f"{place}.image_url", number)


def _read_picture(picture: Mapping[str, Any], place: str, number: int) -> Attachment | PictureAddress:
    url, detail = picture.get("url", ""), picture.get("detail") or None
    if ADDRESS.fullmatch(url):
        return PictureAddress(checked_address(url, place), detail)
    matched = DATA_URL.fullmatch(url)
    if matched is None:
        raise refused(place, NO_ADDRESS)
    content = decoded(matched["content"], place)
    kind = kind_of(content, "", place, NO_PICTURE)
    if kind not in IMAGE_TYPES:
        raise refused(place, NO_PICTURE)
    return Attachment(f"picture-{number}.{kind.partition('/')[2]}", kind, content, detail)


def checked_address(url: str, place: str) -> str:
    """An address that goes to the provider as it is. Where that runs beside us, it must not reach our neighbours."""
    try:
        parsed = URL(url)
        host = parsed.raw_host
    except ValueError as error:
        raise refused(place, NO_ADDRESS) from error
    if len(url) > MAX_ADDRESS or not host or parsed.user is not None or not is_public_host(host):
        raise refused(place, NO_ADDRESS)
    return url


def _read_audio(audio: Mapping[str, Any], place: str, number: int) -> Attachment:
    content = decoded(_payload(audio.get("data") or ""), place)
    kind = kind_of(content, "", place, "is no sound of a type that is accepted")
    # A WebM or MP4 file may be either.
    kind = {"video/webm": "audio/webm", "video/mp4": "audio/mp4"}.get(kind, kind)
    if not kind.startswith("audio/"):
        raise refused(place, "is no sound of a type that is accepted")
    return Attachment(f"sound-{number}.{kind.partition('/')[2]}", kind, content)


def _read_file(file: Mapping[str, Any], place: str, number: int) -> Attachment:
    if file.get("file_id"):
        raise refused(place, "must have file_data: there are no files of OpenAI's here")
    name = file.get("filename") or f"file-{number}"
    content = decoded(_payload(file.get("file_data") or ""), place)
    no_file = "is neither a PDF nor a picture nor a text in UTF-8"
    kind = kind_of(content, name, place, no_file)
    if kind != PDF and kind not in IMAGE_TYPES and kind not in TEXT_TYPES:
        raise refused(place, no_file)
    # Markup, not a picture: SVG goes as the text that it is.
    return Attachment(name, "text/plain" if kind in TEXT_TYPES else kind, content)


def _payload(text: str) -> str:
    matched = DATA_URL.fullmatch(text)
    return matched["content"] if matched else text


def decoded(text: str, place: str) -> bytes:
    """The bytes of base64 as programs write it: in either alphabet, in lines, escaped for a URL, without padding."""
    matched = BASE64.fullmatch("".join((unquote(text) if "%" in text else text).split()))
    if matched is None:
        raise refused(place, "is not in base64")
    content = matched["content"].translate(URL_SAFE)
    try:
        return base64.b64decode(content + "=" * (-len(content) % 4), validate=True)
    except binascii.Error as error:
        raise refused(place, "is not in base64") from error


def kind_of(content: bytes, name: str, place: str, reason: str) -> str:
    """The media type that the bytes have; raises `Unprocessable` with the reason where they have none."""
    try:
        return find_type(BytesIO(content), name)
    except UnsupportedMediaType as error:
        raise refused(place, reason) from error


def refused(place: str, reason: str) -> Unprocessable:
    """The error for a request that cannot be sent; `place` is the path of what is wrong."""
    return Unprocessable(
        f"The request cannot be sent to a model: {place} {reason}.",
        code="unsupported_content",
        errors=(FieldError(place, reason),),
    )


def check_depth(value: Any, place: str) -> None:
    """Raise `Unprocessable` for what is nested more deeply than any schema of a tool is."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [each for each in level if isinstance(each, dict | list)]
        if not inner:
            return
        level = [each for one in inner for each in (one.values() if isinstance(one, dict) else one)]
    raise refused(place, "is nested too deeply")
