"""Pictures by OpenAI's protocol: https://platform.openai.com/docs/api-reference/images."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from echo.settings.addresses import base_of
from echo.tools.arguments import one_of, text, texts
from echo.tools.builtin.builtin import Bench, Builtin, spec
from echo.tools.builtin.drawing import MAX_ANSWER_BYTES, MAX_EDITED, PICTURE_SECONDS, drawn, picture_of, plain
from echo.tools.outbound import Request
from echo.tools.tool import Called, ToolFailure, ToolOutput

BACKGROUNDS = ("auto", "transparent", "opaque")
QUALITIES = ("auto", "high", "medium", "low")
SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
DALLE_SIZES = ("1024x1024", "1792x1024", "1024x1792")
PROMPT = {"type": "string", "description": "What the picture shows, in detail."}


async def _generate(bench: Bench, called: Called) -> ToolOutput:
    given = called.arguments
    body = {
        "model": _model(bench),
        "prompt": plain(text(given, "prompt")),
        "n": 1,
        "background": one_of(given, "background", BACKGROUNDS, "auto"),
        "quality": one_of(given, "quality", QUALITIES, "auto"),
        "size": one_of(given, "size", SIZES, "auto"),
        "output_format": "png",
    }
    return await _made(bench, "image_gen_oai", await bench.ask(_newer(bench, "generations", body)))


async def _edit(bench: Bench, called: Called) -> ToolOutput:
    given = called.arguments
    ids = list(dict.fromkeys(texts(given, "image_ids", MAX_EDITED)))
    if not ids:
        raise ToolFailure("The argument image_ids is missing.")
    form = aiohttp.FormData()
    for name, value in (
        ("model", _model(bench)),
        ("prompt", plain(text(given, "prompt"))),
        ("quality", one_of(given, "quality", QUALITIES, "auto")),
        ("size", one_of(given, "size", (*SIZES, "256x256", "512x512"), "auto")),
    ):
        form.add_field(name, value)
    for record, content in await bench.shelf.find(bench.place.owner, ids):
        form.add_field("image[]", content, filename="picture", content_type=str(record["type"]))
    return await _made(bench, "image_edit_oai", await bench.ask(_newer(bench, "edits", form)))


async def _dalle(bench: Bench, called: Called) -> ToolOutput:
    given, values = called.arguments, bench.values
    body = {
        "model": "dall-e-3",
        "prompt": plain(text(given, "prompt", 4000)),
        "quality": one_of(given, "quality", ("standard", "hd"), "standard"),
        "size": one_of(given, "size", DALLE_SIZES, "1024x1024"),
        "style": one_of(given, "style", ("vivid", "natural"), "vivid"),
        "n": 1,
        # As content: an address in an answer would have to be gone to.
        "response_format": "b64_json",
    }
    azure, proxy = values.get("DALLE3_BASEURL"), values.get("DALLE_REVERSE_PROXY")
    version = values.get("DALLE3_AZURE_API_VERSION") if azure else None
    address = azure if azure and version else proxy or bench.addresses["dalle"]
    key = bench.value("DALLE3_API_KEY", "DALLE_API_KEY")
    return await _made(bench, "dalle", await bench.ask(_request(address, "generations", body, key, version)))


def _model(bench: Bench) -> str:
    return bench.values.get("IMAGE_GEN_OAI_MODEL") or "gpt-image-1"


def _newer(bench: Bench, operation: str, body: Any) -> Request:
    values = bench.values
    address = values.get("IMAGE_GEN_OAI_BASEURL") or bench.addresses["image_gen_oai"]
    version = values.get("IMAGE_GEN_OAI_AZURE_API_VERSION") if values.get("IMAGE_GEN_OAI_BASEURL") else None
    return _request(address, operation, body, bench.value("IMAGE_GEN_OAI_API_KEY"), version)


def _request(address: str, operation: str, body: Any, key: str, version: str | None) -> Request:
    """With a version, the address is that of a deployment at Azure, which takes the key in a header of its own."""
    headers = {"api-key": key} if version else {"Authorization": f"Bearer {key}"}
    base = address.rstrip("/") if version else base_of("openai", address)
    query = {"api-version": version} if version else None
    url = f"{base}/images/{operation}"
    return Request(
        url, "POST", query, headers, body, trusted=True, seconds=PICTURE_SECONDS, most=MAX_ANSWER_BYTES
    )


async def _made(bench: Bench, name: str, answer: Any) -> ToolOutput:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], Mapping) else {}
    return await drawn(bench, name, picture_of(first.get("b64_json")))


_OAI_FIELDS = (("IMAGE_GEN_OAI_API_KEY",),)
_OAI_MORE = ("IMAGE_GEN_OAI_BASEURL", "IMAGE_GEN_OAI_MODEL", "IMAGE_GEN_OAI_AZURE_API_VERSION")
OPENAI_PICTURES = (
    Builtin(
        spec(
            "image_gen_oai",
            "Draws a new picture from words alone. For changes to a picture that is there, use image_edit_oai.",
            {
                "prompt": PROMPT,
                "background": {"type": "string", "enum": list(BACKGROUNDS)},
                "quality": {"type": "string", "enum": list(QUALITIES)},
                "size": {"type": "string", "enum": list(SIZES)},
            },
            "prompt",
        ),
        _generate,
        _OAI_FIELDS,
        _OAI_MORE,
    ),
    Builtin(
        spec(
            "image_edit_oai",
            "Draws a picture from words and from pictures that are there: changes one, or puts several together.",
            {
                "prompt": {"type": "string", "description": "What is to change, and what is to stay."},
                "image_ids": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "description": "The ids of the pictures, as they stand in this conversation; none is made up.",
                },
                "quality": {"type": "string", "enum": list(QUALITIES)},
                "size": {"type": "string", "enum": [*SIZES, "256x256", "512x512"]},
            },
            "image_ids",
            "prompt",
        ),
        _edit,
        _OAI_FIELDS,
        _OAI_MORE,
    ),
    Builtin(
        spec(
            "dalle",
            "Draws a picture with DALL-E 3. The description is in English, detailed, and names the kind of picture.",
            {
                "prompt": {**PROMPT, "maxLength": 4000},
                "style": {"type": "string", "enum": ["vivid", "natural"]},
                "quality": {"type": "string", "enum": ["hd", "standard"]},
                "size": {"type": "string", "enum": list(DALLE_SIZES)},
            },
            *("prompt", "style", "quality", "size"),
        ),
        _dalle,
        (("DALLE3_API_KEY", "DALLE_API_KEY"),),
        ("DALLE_REVERSE_PROXY", "DALLE3_BASEURL", "DALLE3_AZURE_API_VERSION"),
    ),
)
OPENAI = "https://api.openai.com/v1"
ADDRESSES = {"image_gen_oai": OPENAI, "dalle": OPENAI}
