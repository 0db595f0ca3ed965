"""Pictures from words, and from pictures with words.

https://platform.openai.com/docs/api-reference/images, https://ai.google.dev/gemini-api/docs/imagen
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from echo.errors import Unprocessable
from echo.providers.constants import MAX_PICTURES_BYTES
from echo.providers.errands import Errand, read_json
from echo.providers.failures import ProviderFailure, unusable
from echo.providers.forms import FormFile
from echo.providers.google import API_VERSION, GoogleDialect
from echo.providers.operations import Wanted, as_chat, not_offered, operations_of
from echo.providers.provider import Access
from echo.providers.reading import count, dig
from echo.providers.transport import Call
from echo.settings import ProviderSettings

NAME = "images"
MOST = 10
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
ADDRESS = re.compile(r"https?://[\x21-\x7e]{1,8000}", re.ASCII)
MAX_PROMPT = 100_000
# What an answer says of all pictures.
TOLD = ("background", "output_format", "quality", "size")
COUNTS = ("input_tokens", "output_tokens", "total_tokens")
MAX_TOLD = 64
# Imagen knows shapes, not sizes.
SHAPES: Mapping[str, str] = {
    "1024x1024": "1:1",
    "1024x1536": "3:4",
    "1536x1024": "4:3",
    "1024x1792": "9:16",
    "1792x1024": "16:9",
}


@dataclass(frozen=True)
class ImageRequest:
    """What to draw; with `files` from these. `parameters` are OpenAI's, None for what is left to the provider."""

    wanted: Wanted
    prompt: str = field(repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[FormFile] = ()

    @property
    def asks_for_content(self) -> bool:
        """Whether the pictures are wanted in the answer, and not as addresses."""
        return self.parameters.get("response_format") == "b64_json"


@dataclass(frozen=True)
class Pictures:
    """Pictures as OpenAI's objects, and what the answer says beside them."""

    items: Sequence[Mapping[str, Any]] = field(repr=False)
    more: Mapping[str, Any]


def images_errand(settings: ProviderSettings, request: ImageRequest) -> Errand[Pictures]:
    """How an endpoint is asked. Raises `Unprocessable` where its provider makes no pictures, or not such."""
    if settings.type == "google":
        return GoogleImages(settings).errand(request)
    operations = operations_of(settings, "images")

    def call(access: Access) -> Call:
        if request.files:
            fields = (("prompt", request.prompt), *request.parameters.items())
            return operations.form("images/edits", request.wanted, access, fields, request.files)
        # The newer models give nothing else than the content, and refuse to be asked for it.
        optional = ("response_format",) if request.asks_for_content else ()
        given = {"prompt": request.prompt, **request.parameters}
        return operations.json("images/generations", request.wanted, access, given, optional)

    return Errand(NAME, request.wanted.model, call, _read_openai, MAX_PICTURES_BYTES)


def _read_openai(content: bytes) -> Pictures:
    answer = read_json(content)
    data = dig(answer, "data")
    items = [_picture(each) for each in data] if isinstance(data, list) else []
    more: dict[str, Any] = {"created": count(dig(answer, "created")) or int(time.time())}
    for name in TOLD:
        told = dig(answer, name)
        if isinstance(told, str) and len(told) <= MAX_TOLD:
            more[name] = told
    if isinstance(dig(answer, "usage"), dict):
        more["usage"] = {name: count(dig(answer, "usage", name)) for name in COUNTS}
    return _made(items, more)


def _made(items: Sequence[Mapping[str, Any]], more: Mapping[str, Any]) -> Pictures:
    if not 0 < len(items) <= MOST:
        raise unusable("no_picture")
    return Pictures(items, more)


def _picture(value: Any) -> dict[str, Any]:
    """One picture: its content, or an address that the client may go to."""
    content, address, prompt = (dig(value, name) for name in ("b64_json", "url", "revised_prompt"))
    made: dict[str, Any] = {}
    if isinstance(content, str) and BASE64.fullmatch(content):
        made["b64_json"] = content
    elif isinstance(address, str) and ADDRESS.fullmatch(address):
        made["url"] = address
    else:
        raise unusable("no_picture")
    if isinstance(prompt, str):
        made["revised_prompt"] = prompt[:MAX_PROMPT]
    return made


class GoogleImages(GoogleDialect):
    """Google's Imagen."""

    def errand(self, request: ImageRequest) -> Errand[Pictures]:
        """One request. Raises `Unprocessable` for what Imagen cannot do."""
        if request.files:
            raise not_offered("edits of images")
        size = request.parameters.get("size")
        if size not in (None, "auto", *SHAPES):
            raise _refused("size", f"must be one of {', '.join(SHAPES)}")
        if request.parameters.get("response_format") == "url":
            raise _refused("response_format", "must be b64_json: Google gives no addresses")
        asked = {"sampleCount": request.parameters.get("n") or 1}
        shape = {} if size in (None, "auto") else {"aspectRatio": SHAPES[str(size)]}
        body = {"instances": [{"prompt": request.prompt}], "parameters": {**asked, **shape}}
        name = quote(request.wanted.model.removeprefix("models/"), safe="")

        def call(access: Access) -> Call:
            url = f"{access.base_url}/{API_VERSION}/models/{name}:predict"
            headers = self._headers(access, as_chat(request.wanted))
            return Call(url, headers, body, access.own_url, request.wanted.model)

        return Errand(NAME, request.wanted.model, call, _read_google, MAX_PICTURES_BYTES)


def _read_google(content: bytes) -> Pictures:
    read = read_json(content)
    found = dig(read, "predictions")
    contents = [dig(each, "bytesBase64Encoded") for each in found] if isinstance(found, list) else []
    # What the filter withholds has no content.
    items = [_picture({"b64_json": each}) for each in contents if each]
    if not items and isinstance(read, dict) and not dig(read, "error"):
        withheld = Unprocessable("The provider's filter withheld the pictures.", code="provider_refused")
        raise ProviderFailure(withheld, kind="filtered")
    return _made(items, {"created": int(time.time())})


def _refused(place: str, reason: str) -> Unprocessable:
    return Unprocessable(f"{place} {reason}.", code="unsupported_content")
