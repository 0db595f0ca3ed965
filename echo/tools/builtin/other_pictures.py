"""Pictures by Flux (https://docs.bfl.ai), by Google's models, and by a Stable Diffusion WebUI."""

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

from yarl import URL

from echo.tools.arguments import number, one_of, optional_text, text, texts, whole
from echo.tools.builtin.builtin import Bench, Builtin, said, spec
from echo.tools.builtin.drawing import MAX_ANSWER_BYTES, MAX_EDITED, PICTURE_SECONDS, drawn, picture_of
from echo.tools.builtin.searches import dumped
from echo.tools.builtin.shelf import MAX_PICTURE_BYTES
from echo.tools.outbound import Request
from echo.tools.tool import Called, ToolFailure, ToolOutput

FLUX_ACTIONS = ("generate", "list_finetunes", "generate_finetuned")
FINETUNED = ("/v1/flux-pro-finetuned", "/v1/flux-pro-1.1-ultra-finetuned")
FLUX_MODELS = ("/v1/flux-pro", "/v1/flux-pro-1.1", "/v1/flux-dev", "/v1/flux-pro-1.1-ultra")
# How often Flux is asked whether the picture is there.
POLL_SECONDS = 2.0
ENDED = ("Error", "Failed", "Content Moderated", "Request Moderated", "Task not found")
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
MAX_FINETUNES = 50
PROMPT = {"type": "string", "description": "What the picture shows, in detail."}


async def _flux(bench: Bench, called: Called) -> ToolOutput:
    given = called.arguments
    action = one_of(given, "action", FLUX_ACTIONS, "generate")
    if action == "list_finetunes":
        return said(dumped(await _finetunes(bench)))
    try:
        async with asyncio.timeout(PICTURE_SECONDS):
            address = await _flux_picture(bench, await _flux_task(bench, action, given))
    except TimeoutError:
        raise ToolFailure("The picture was not ready in time.") from None
    # Wherever the answer says it is: such an address is checked.
    reply = await bench.send(Request(address, most=MAX_PICTURE_BYTES))
    if not reply.ok:
        raise ToolFailure("The picture could not be fetched.")
    return await drawn(bench, "flux", reply.content)


async def _flux_task(bench: Bench, action: str, given: Any) -> str:
    body: dict[str, Any] = {
        "prompt": text(given, "prompt"),
        "prompt_upsampling": given.get("prompt_upsampling") is True,
        "safety_tolerance": whole(given, "safety_tolerance", 0, 6, 6),
        "output_format": "png",
        **{
            name: int(value)
            for name in ("width", "height", "steps", "seed")
            if (value := number(given, name, 0, 2**32)) is not None
        },
        **({"raw": True} if given.get("raw") is True else {}),
        **({"aspect_ratio": ratio} if (ratio := optional_text(given, "aspect_ratio", 10)) else {}),
    }
    if action == "generate_finetuned":
        model = one_of(given, "endpoint", FINETUNED, FINETUNED[0])
        body |= {
            "finetune_id": text(given, "finetune_id", 200),
            "finetune_strength": number(given, "finetune_strength", 0, 2) or 1.0,
            "guidance": number(given, "guidance", 0, 100) or 2.5,
        }
    else:
        model = one_of(given, "endpoint", FLUX_MODELS, FLUX_MODELS[0])
    answer = await bench.ask(_of_flux(bench, model, "POST", body=body))
    task = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(task, str):
        raise ToolFailure("The service did not begin to draw.")
    return task


async def _flux_picture(bench: Bench, task: str) -> str:
    while True:
        await asyncio.sleep(POLL_SECONDS)
        answer = await bench.ask(_of_flux(bench, "/v1/get_result", query={"id": task}))
        status = answer.get("status") if isinstance(answer, dict) else None
        if status in ENDED:
            raise ToolFailure(f"The service did not draw the picture: {status}.")
        if status == "Ready":
            result = answer.get("result")
            address = result.get("sample") if isinstance(result, dict) else None
            if not isinstance(address, str):
                raise ToolFailure("The service gave no picture.")
            return address


async def _finetunes(bench: Bench) -> list[Any]:
    listed = await bench.ask(_of_flux(bench, "/v1/my_finetunes"))
    ids = [each for each in _items(listed, "finetunes") if isinstance(each, str)]
    return [
        {
            "id": each,
            "details": await bench.ask(_of_flux(bench, "/v1/finetune_details", query={"finetune_id": each})),
        }
        for each in ids[:MAX_FINETUNES]
    ]


def _of_flux(bench: Bench, path: str, method: str = "GET", **more: Any) -> Request:
    base = (bench.values.get("FLUX_API_BASE_URL") or bench.addresses["flux"]).rstrip("/")
    return Request(base + path, method, headers={"x-key": bench.value("FLUX_API_KEY")}, trusted=True, **more)


async def _diffusion(bench: Bench, called: Called) -> ToolOutput:
    body = {
        "prompt": text(called.arguments, "prompt"),
        "negative_prompt": optional_text(called.arguments, "negative_prompt") or "",
        "cfg_scale": 4.5,
        "steps": 22,
        "width": 1024,
        "height": 1024,
    }
    answer = await bench.ask(
        Request(
            f"{bench.value('SD_WEBUI_URL').rstrip('/')}/sdapi/v1/txt2img",
            "POST",
            body=body,
            trusted=bench.values.trusts("SD_WEBUI_URL"),
            seconds=PICTURE_SECONDS,
            most=MAX_ANSWER_BYTES,
        )
    )
    pictures = _items(answer, "images")
    encoded = pictures[0] if pictures else None
    return await drawn(
        bench, "stable-diffusion", picture_of(str(encoded).rpartition(",")[2] if encoded else None)
    )


async def _gemini(bench: Bench, called: Called) -> ToolOutput:
    given = called.arguments
    model = bench.values.get("GEMINI_IMAGE_MODEL") or "gemini-2.5-flash-image"
    shape = {"aspectRatio": ratio} if (ratio := one_of(given, "aspectRatio", RATIOS, "")) else {}
    size = one_of(given, "imageSize", ("1K", "2K", "4K"), "")
    # The model that is the default does not know sizes.
    if size and "gemini-2.5-flash-image" not in model:
        shape["imageSize"] = size
    parts: list[Any] = [{"text": text(given, "prompt")}]
    for record, content in await bench.shelf.find(bench.place.owner, texts(given, "image_ids", MAX_EDITED)):
        parts.append({"inlineData": {"mimeType": record["type"], "data": base64.b64encode(content).decode()}})
    body = {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            **({"imageConfig": shape} if shape else {}),
        },
    }
    url = URL(bench.addresses["gemini_image_gen"]) / f"v1beta/models/{model}:generateContent"
    headers = {"x-goog-api-key": bench.value("GEMINI_API_KEY", "GOOGLE_KEY")}
    request = Request(
        url, "POST", None, headers, body, trusted=True, seconds=PICTURE_SECONDS, most=MAX_ANSWER_BYTES
    )
    for encoded in _inline(await bench.ask(request)):
        return await drawn(bench, "gemini_image_gen", picture_of(encoded))
    raise ToolFailure("The service drew no picture; it may have refused to.")


def _inline(answer: Any) -> Iterator[Any]:
    for candidate in _items(answer, "candidates"):
        content = candidate.get("content") if isinstance(candidate, dict) else None
        for part in _items(content, "parts"):
            inline = part.get("inlineData") if isinstance(part, dict) else None
            if isinstance(inline, dict):
                yield inline.get("data")


def _items(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


_FLUX_NUMBERS = ("width", "height", "steps", "seed", "safety_tolerance", "finetune_strength", "guidance")
OTHER_PICTURES = (
    Builtin(
        spec(
            "flux",
            "Draws a picture with Flux, one for each call, and lists models that were trained further.",
            {
                "action": {"type": "string", "enum": list(FLUX_ACTIONS)},
                "prompt": PROMPT,
                "endpoint": {
                    "type": "string",
                    "enum": [*FLUX_MODELS, *FINETUNED],
                    "description": "The model.",
                },
                **{name: {"type": "number"} for name in _FLUX_NUMBERS},
                "prompt_upsampling": {"type": "boolean"},
                "raw": {"type": "boolean", "description": "Less processed; for the ultra model."},
                "finetune_id": {"type": "string"},
                "aspect_ratio": {"type": "string", "description": "Such as 16:9; for ultra models."},
            },
        ),
        _flux,
        (("FLUX_API_KEY",),),
        ("FLUX_API_BASE_URL",),
    ),
    Builtin(
        spec(
            "stable-diffusion",
            "Draws a picture with Stable Diffusion, from keywords that are separated by commas.",
            {
                "prompt": {
                    "type": "string",
                    "description": "At least seven keywords for what the picture shows.",
                },
                "negative_prompt": {"type": "string", "description": "Keywords for what it does not show."},
            },
            "prompt",
            "negative_prompt",
        ),
        _diffusion,
        (("SD_WEBUI_URL",),),
        addresses=("SD_WEBUI_URL",),
    ),
    Builtin(
        spec(
            "gemini_image_gen",
            "Draws a picture with Google's models, from words, or from words and pictures that are there.",
            {
                "prompt": PROMPT,
                "image_ids": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "The ids of pictures to go by, as they stand in this conversation.",
                },
                "aspectRatio": {"type": "string", "enum": list(RATIOS)},
                "imageSize": {"type": "string", "enum": ["1K", "2K", "4K"]},
            },
            "prompt",
        ),
        _gemini,
        (("GEMINI_API_KEY", "GOOGLE_KEY"),),
        ("GEMINI_IMAGE_MODEL",),
    ),
)
ADDRESSES = {
    "flux": "https://api.us1.bfl.ai",
    "gemini_image_gen": "https://generativelanguage.googleapis.com",
}
