"""Google's pictures: Imagen's, and Gemini's, which draws also from pictures.

https://ai.google.dev/gemini-api/docs/imagen, https://ai.google.dev/gemini-api/docs/image-generation
"""

import base64
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from echo.errors import FieldError, Unprocessable
from echo.providers.constants import MAX_PICTURES_BYTES
from echo.providers.errands import Errand, read_json
from echo.providers.failures import ProviderFailure
from echo.providers.forms import FormFile
from echo.providers.google import API_VERSION, GENERATES, GoogleDialect
from echo.providers.google_reader import parts_of
from echo.providers.images import NAME, ImageRequest, Pictures, made_of, openai_images, picture_of
from echo.providers.operations import as_chat, not_offered
from echo.providers.provider import Access
from echo.providers.reading import count, dig
from echo.providers.transport import Call
from echo.settings import ProviderSettings

Json = dict[str, Any]
# Google knows shapes, not sizes; Imagen fewer of them than Gemini.
IMAGEN_SHAPES: Mapping[str, str] = {
    "1024x1024": "1:1",
    "1024x1536": "3:4",
    "1536x1024": "4:3",
    "1024x1792": "9:16",
    "1792x1024": "16:9",
}
GEMINI_SHAPES: Mapping[str, str] = {**IMAGEN_SHAPES, "1024x1536": "2:3", "1536x1024": "3:2"}
ANY_SIZE = (None, "auto")
# OpenAI's names for what Gemini counts.
COUNTS: Mapping[str, str] = {
    "input_tokens": "promptTokenCount",
    "output_tokens": "candidatesTokenCount",
    "total_tokens": "totalTokenCount",
}


def images_errand(settings: ProviderSettings, request: ImageRequest) -> Errand[Pictures]:
    """How an endpoint is asked. Raises `Unprocessable` where its provider makes no pictures, or not such.

    Reads the pictures that are drawn from, where Google draws.
    """
    if settings.type != "google":
        return openai_images(settings, request)
    return GoogleImages(settings).errand(request)


class GoogleImages(GoogleDialect):
    """Google's operations that draw."""

    def errand(self, request: ImageRequest) -> Errand[Pictures]:
        """One request. Raises `Unprocessable` for what the model cannot do."""
        if request.parameters.get("response_format") == "url":
            raise _refused("response_format", "must be b64_json: Google gives no addresses")
        if "imagen" in request.wanted.model:
            return self._errand(request, "predict", _for_imagen(request), _read_imagen)
        return self._errand(request, GENERATES, _for_gemini(request), _read_gemini)

    def _errand(self, request: ImageRequest, method: str, body: Json, read: Any) -> Errand[Pictures]:
        name = quote(request.wanted.model.removeprefix("models/"), safe="")

        def call(access: Access) -> Call:
            url = f"{access.base_url}/{API_VERSION}/models/{name}:{method}"
            headers = self._headers(access, as_chat(request.wanted))
            return Call(url, headers, body, access.own_url, request.wanted.model)

        return Errand(NAME, request.wanted.model, call, read, MAX_PICTURES_BYTES)


def _for_imagen(request: ImageRequest) -> Json:
    if request.files:
        raise not_offered("edits of images")
    asked = {"sampleCount": request.parameters.get("n") or 1, **_shape(request, IMAGEN_SHAPES)}
    return {"instances": [{"prompt": request.prompt}], "parameters": asked}


def _for_gemini(request: ImageRequest) -> Json:
    """Gemini draws one picture at a time, and may say something beside it."""
    if (request.parameters.get("n") or 1) > 1:
        raise _refused("n", "must be 1: Gemini draws one picture at a time")
    if any(each.name == "mask" for each in request.files):
        raise _refused("mask", "is not something that Gemini has")
    shape = _shape(request, GEMINI_SHAPES)
    return {
        "contents": [{"role": "user", "parts": [*map(_given, request.files), {"text": request.prompt}]}],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            **({"imageConfig": shape} if shape else {}),
        },
    }


def _given(file: FormFile) -> Json:
    file.stream.seek(0)
    data = base64.b64encode(file.stream.read()).decode()
    return {"inlineData": {"mimeType": file.media_type, "data": data}}


def _shape(request: ImageRequest, shapes: Mapping[str, str]) -> dict[str, str]:
    size = request.parameters.get("size")
    if size in ANY_SIZE:
        return {}
    if size not in shapes:
        raise _refused("size", f"must be one of {', '.join(shapes)}")
    return {"aspectRatio": shapes[str(size)]}


def _read_imagen(content: bytes) -> Pictures:
    read = read_json(content)
    found = dig(read, "predictions")
    contents = [dig(each, "bytesBase64Encoded") for each in found] if isinstance(found, list) else []
    # What the filter withholds has no content.
    return _made(read, [each for each in contents if each], {})


def _read_gemini(content: bytes) -> Pictures:
    read = read_json(content)
    counts = {name: count(dig(read, "usageMetadata", theirs)) for name, theirs in COUNTS.items()}
    return _made(read, list(_drawn(read)), {"usage": counts} if any(counts.values()) else {})


def _drawn(answer: Any) -> Iterator[Any]:
    """The pictures of the first candidate, without those that it made on the way."""
    for part in parts_of(dig(answer, "candidates", 0)):
        if dig(part, "thought") is not True and (data := dig(part, "inlineData", "data")):
            yield data


def _made(answer: Any, contents: list[Any], more: Mapping[str, Any]) -> Pictures:
    if not contents and isinstance(answer, dict) and not dig(answer, "error"):
        withheld = Unprocessable("The provider's filter withheld the pictures.", code="provider_refused")
        raise ProviderFailure(withheld, kind="filtered")
    items = [picture_of({"b64_json": each}) for each in contents]
    return made_of(items, {"created": int(time.time()), **more})


def _refused(place: str, reason: str) -> Unprocessable:
    return Unprocessable(
        f"{place} {reason}.", code="unsupported_content", errors=(FieldError(place, reason),)
    )
