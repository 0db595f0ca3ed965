"""Pictures: what each kind of provider is asked, and what becomes of its answers."""

import asyncio
import base64
import io
from typing import Any

import pytest

from echo.errors import ApiError
from echo.providers import images as module
from echo.providers.forms import FormFile
from echo.providers.google_images import images_errand
from echo.providers.images import ImageRequest, Pictures
from echo.providers.operations import Wanted
from echo.providers.registry import build_providers
from echo.settings import AzureDeployment, ProviderSettings
from tests.support.providers import SERVERS, Answer, ProviderServer, json_answer
from tests.support.providers.asking import LIMITS, settings_of
from tests.support.providers.errands import parts
from tests.support.providers.server import Received, serving

CIRCLE = base64.b64encode(b"A circle").decode()


def of(kind: str, server: ProviderServer, **more: Any) -> ProviderSettings:
    base = f"{server.url}/openai/deployments/gpt-4o"
    azure = {"deployments": {"m": AzureDeployment(base, "2024-10-21", "az")}} if kind == "azure" else {}
    return settings_of(kind, server.url, **azure, **more)


def draw(settings: ProviderSettings, *files: FormFile, model: str = "", **parameters: Any) -> Pictures:
    model = model or ("imagen-4.0-generate-001" if settings.type == "google" else "m")

    async def run() -> Pictures:
        providers = build_providers([settings], LIMITS)
        request = ImageRequest(Wanted(model), "A circle", parameters, files)
        try:
            return await providers[settings.name].ask(images_errand(settings, request))
        finally:
            await providers.close()

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["openai", "custom", "azure", "google"])
def test_each_kind_draws(kind: str) -> None:
    with SERVERS[kind]() as server:
        made = draw(of(kind, server), n=2, size="1024x1024")
    assert made.items == [{"b64_json": CIRCLE}] * 2
    assert made.more["created"] > 1_700_000_000
    if kind == "google":
        asked = {"sampleCount": 2, "aspectRatio": "1:1"}
        assert server.requests[0].json == {"instances": [{"prompt": "A circle"}], "parameters": asked}
    else:
        assert server.requests[0].json == {"model": "m", "prompt": "A circle", "n": 2, "size": "1024x1024"}
        usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
        assert (made.more["size"], made.more["usage"]) == ("1024x1024", usage)


def test_gemini_draws_one_also_from_others() -> None:
    file = FormFile("image", "image-1.png", "image/png", io.BytesIO(b"png"), 3)
    with SERVERS["google"]() as server:
        alone = draw(of("google", server), model="gemini-2.5-flash-image", n=1)
        made = draw(of("google", server), file, model="gemini-2.5-flash-image", size="1536x1024")
    assert alone.items == made.items == [{"b64_json": CIRCLE}]
    assert made.more["usage"] == {"input_tokens": 4, "output_tokens": 1290, "total_tokens": 1294}
    first, second = (received.json for received in server.requests)
    assert first["contents"] == [{"role": "user", "parts": [{"text": "A circle"}]}]
    assert first["generationConfig"] == {"responseModalities": ["TEXT", "IMAGE"]}
    assert second["contents"][0]["parts"][0] == {"inlineData": {"mimeType": "image/png", "data": "cG5n"}}
    assert second["generationConfig"]["imageConfig"] == {"aspectRatio": "3:2"}


def test_an_address_is_passed_on() -> None:
    with SERVERS["openai"]() as server:
        made = draw(of("openai", server), response_format="url")
    assert made.items == [{"url": "https://pictures.test/1.png", "revised_prompt": "Better."}]


@pytest.mark.parametrize("kind", ["openai", "custom", "azure"])
def test_pictures_are_made_from_others(kind: str) -> None:
    files = [FormFile("image[]", f"image-{n}.png", "image/png", io.BytesIO(b"png"), 3) for n in (1, 2)]
    with SERVERS[kind]() as server:
        made = draw(of(kind, server), *files, n=1, quality=None)
    assert made.items == [{"b64_json": CIRCLE}]
    assert parts(server.requests[0]) == [
        ("model", "", b"m"),
        ("prompt", "", b"A circle"),
        ("n", "", b"1"),
        ("image[]", "image-1.png", b"png"),
        ("image[]", "image-2.png", b"png"),
    ]


def test_content_need_not_be_asked_for() -> None:
    """Newer models refuse the parameter, and give nothing else."""

    def respond(received: Received) -> Answer:
        if "response_format" in received.json:
            return json_answer({"error": {"message": "Unknown", "param": "response_format"}}, 400)
        return json_answer({"data": [{"b64_json": CIRCLE}]})

    with serving(respond) as server:
        assert draw(of("openai", server), response_format="b64_json").items == [{"b64_json": CIRCLE}]
        with pytest.raises(ApiError, match="response_format"):
            draw(of("openai", server), response_format="url")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"data": {}},
        {"data": []},
        {"data": [{}]},
        {"data": [None]},
        {"data": [{"b64_json": ""}]},
        {"data": [{"b64_json": "<script>"}]},
        {"data": [{"b64_json": 1}]},
        {"data": [{"url": "javascript:alert(1)"}]},
        {"data": [{"url": "file:///etc/passwd"}]},
        {"data": [{"url": "https://a.test/\r\nSet-Cookie: a"}]},
        {"data": [{"url": "https://a.test/" + "x" * 9000}]},
        {"data": [{"b64_json": CIRCLE}] * 11},
    ],
)
def test_an_answer_that_is_none_is_a_failure(answer: Any) -> None:
    with serving(lambda _: json_answer(answer)) as server, pytest.raises(ApiError) as failed:
        draw(of("openai", server))
    assert (failed.value.status, failed.value.code) == (502, "provider_failed")


def test_an_answer_that_is_too_large_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.MAX_PICTURES_BYTES == 67_108_864
    monkeypatch.setattr(module, "MAX_PICTURES_BYTES", 20)
    with SERVERS["openai"]() as server, pytest.raises(ApiError):
        draw(of("openai", server))


@pytest.mark.parametrize(
    ("kind", "parameters", "code"),
    [
        ("google", {"size": "10x10"}, "unsupported_content"),
        ("google", {"response_format": "url"}, "unsupported_content"),
        ("google", {"model": "gemini-2.5-flash-image", "n": 2}, "unsupported_content"),
        ("anthropic", {}, "not_offered"),
    ],
)
def test_refuses_what_the_provider_does_not_have(kind: str, parameters: dict[str, Any], code: str) -> None:
    with pytest.raises(ApiError) as refused:
        draw(settings_of(kind, "http://127.0.0.1:1"), **parameters)
    assert (refused.value.status, refused.value.code) == (422, code)


def test_imagen_makes_none_from_others() -> None:
    file = FormFile("image", "image-1.png", "image/png", io.BytesIO(b"png"), 3)
    with pytest.raises(ApiError) as refused:
        draw(settings_of("google", "http://127.0.0.1:1"), file)
    assert refused.value.code == "not_offered"


BLOCKED = {"candidates": [{"finishReason": "IMAGE_SAFETY", "content": {"parts": [{"text": "No."}]}}]}


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        ("imagen-4", {}),
        ("imagen-4", {"predictions": []}),
        ("imagen-4", {"predictions": [{"raiFilteredReason": "No."}]}),
        ("gemini-2.5-flash-image", BLOCKED),
        ("gemini-2.5-flash-image", {"promptFeedback": {"blockReason": "SAFETY"}}),
    ],
)
def test_what_googles_filter_withholds_is_a_refusal(model: str, answer: Any) -> None:
    with serving(lambda _: json_answer(answer)) as server, pytest.raises(ApiError) as refused:
        draw(of("google", server), model=model)
    assert (refused.value.status, refused.value.code) == (422, "provider_refused")
