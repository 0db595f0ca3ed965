"""Pictures: what each kind of provider is asked, and what becomes of its answers."""

import asyncio
import base64
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from echo.errors import ApiError, FieldError
from echo.providers import images as module
from echo.providers.failures import ProviderFailure
from echo.providers.forms import FormFile
from echo.providers.google_images import images_errand
from echo.providers.images import ImageRequest, Pictures
from echo.providers.operations import Wanted
from echo.providers.provider import Access
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


ACCESS = Access("key", "http://x/y", own_url=True)


def errand_of(kind: str, *files: FormFile, model: str = "m", **parameters: Any) -> Any:
    request = ImageRequest(Wanted(model), "A circle", parameters, files)
    return images_errand(settings_of(kind, "http://x/y"), request)


def read(kind: str, answer: Any, model: str = "m") -> Pictures:
    made: Pictures = errand_of(kind, model=model).read(json.dumps(answer).encode())
    return made


def kind_of(kind: str, answer: Any, model: str = "m") -> str:
    with pytest.raises(ProviderFailure) as failed:
        read(kind, answer, model)
    assert failed.value.transient is False
    return failed.value.kind


def png(name: str = "image") -> FormFile:
    return FormFile(name, "image-1.png", "image/png", io.BytesIO(b"png"), 3)


class TestErrand:
    def test_of_openai(self) -> None:
        errand = errand_of("openai", response_format="b64_json", n=2)
        assert (errand.name, errand.model, errand.most) == ("images", "m", 67_108_864)
        call = errand.call(ACCESS)
        assert call.url == "http://x/y/images/generations"
        assert call.body == {"model": "m", "prompt": "A circle", "response_format": "b64_json", "n": 2}
        assert call.optional == {"response_format"}
        assert errand_of("openai", response_format="url").call(ACCESS).optional == frozenset()
        assert errand_of("openai", png()).call(ACCESS).url == "http://x/y/images/edits"

    def test_of_imagen(self) -> None:
        errand = errand_of("google", model="models/imagen/4")
        assert (errand.name, errand.model, errand.most) == ("images", "models/imagen/4", 67_108_864)
        call = errand.call(ACCESS)
        assert call.url == "http://x/y/v1beta/models/imagen%2F4:predict"
        assert (call.guarded, call.model, call.headers["x-goog-api-key"]) == (True, "models/imagen/4", "key")
        assert call.body == {"instances": [{"prompt": "A circle"}], "parameters": {"sampleCount": 1}}

    def test_of_gemini(self) -> None:
        call = errand_of("google", png(), model="gemini", size="auto").call(ACCESS)
        assert call.url == "http://x/y/v1beta/models/gemini:generateContent"
        given = {"inlineData": {"mimeType": "image/png", "data": "cG5n"}}
        assert call.body == {
            "contents": [{"role": "user", "parts": [given, {"text": "A circle"}]}],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]},
        }

    def test_of_gemini_reads_a_file_from_its_beginning(self) -> None:
        file = png()
        file.stream.read()
        [given, _] = errand_of("google", file, model="gemini").call(ACCESS).body["contents"][0]["parts"]
        assert given["inlineData"]["data"] == "cG5n"

    @pytest.mark.parametrize(
        ("size", "imagen", "gemini"),
        [
            ("1024x1024", "1:1", "1:1"),
            ("1024x1536", "3:4", "2:3"),
            ("1536x1024", "4:3", "3:2"),
            ("1024x1792", "9:16", "9:16"),
            ("1792x1024", "16:9", "16:9"),
            ("auto", None, None),
            (None, None, None),
        ],
    )
    def test_of_google_has_a_shape_for_each_size(
        self, size: str | None, imagen: str | None, gemini: str | None
    ) -> None:
        sent = errand_of("google", model="imagen", size=size).call(ACCESS).body["parameters"]
        assert sent.get("aspectRatio") == imagen
        sent = errand_of("google", model="gemini", size=size).call(ACCESS).body["generationConfig"]
        assert sent.get("imageConfig", {}).get("aspectRatio") == gemini

    @pytest.mark.parametrize(
        ("model", "files", "parameters", "place", "reason"),
        [
            (
                "imagen",
                (),
                {"response_format": "url"},
                "response_format",
                "must be b64_json: Google gives no addresses",
            ),
            ("gemini", (), {"n": 2}, "n", "must be 1: Gemini draws one picture at a time"),
            ("gemini", (png("mask"),), {}, "mask", "is not something that Gemini has"),
            (
                "imagen",
                (),
                {"size": "1x1"},
                "size",
                "must be one of 1024x1024, 1024x1536, 1536x1024, 1024x1792, 1792x1024",
            ),
        ],
    )
    def test_of_google_says_what_it_cannot_do(
        self, model: str, files: Any, parameters: dict[str, Any], place: str, reason: str
    ) -> None:
        with pytest.raises(ApiError) as refused:
            errand_of("google", *files, model=model, **parameters)
        assert (refused.value.status, refused.value.code) == (422, "unsupported_content")
        assert refused.value.message == f"{place} {reason}."
        assert refused.value.errors == (FieldError(place, reason),)

    def test_of_imagen_has_no_edits(self) -> None:
        with pytest.raises(ApiError) as refused:
            errand_of("google", png(), model="imagen")
        assert refused.value.message == "The provider of that model has no edits of images."


class TestReading:
    def test_tells_what_is_said_of_all(self) -> None:
        said = {
            "created": 7,
            "background": "auto",
            "output_format": "png",
            "quality": "x" * 64,
            "size": "x" * 65,
            "other": "x",
            "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": "3", "details": {}},
        }
        made = read("openai", {"data": [{"b64_json": CIRCLE}], **said})
        assert made.more == {
            "created": 7,
            "background": "auto",
            "output_format": "png",
            "quality": "x" * 64,
            "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 0},
        }

    def test_says_when_where_the_provider_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("images", "google_images"):
            monkeypatch.setattr(f"echo.providers.{name}.time", SimpleNamespace(time=lambda: 1234.5))
        assert read("openai", {"data": [{"b64_json": CIRCLE}], "created": "7"}).more == {"created": 1234}
        made = read("google", {"predictions": [{"bytesBase64Encoded": CIRCLE}]}, "imagen")
        assert made.more == {"created": 1234}

    def test_takes_ten_pictures_and_no_more(self) -> None:
        assert len(read("openai", {"data": [{"b64_json": CIRCLE}] * 10}).items) == 10
        assert kind_of("openai", {"data": [{"b64_json": CIRCLE}] * 11}) == "no_picture"
        assert kind_of("openai", {"data": []}) == "no_picture"

    def test_takes_an_address_of_so_many_letters(self) -> None:
        for scheme in ("http", "https"):
            address = f"{scheme}://" + "a" * 8000
            assert read("openai", {"data": [{"url": address}]}).items == [{"url": address}]
            assert kind_of("openai", {"data": [{"url": f"{address}a"}]}) == "no_picture"

    def test_prefers_the_content(self) -> None:
        both = {"b64_json": CIRCLE, "url": "https://a.test", "revised_prompt": "x" * 100_001}
        assert read("openai", {"data": [both]}).items == [
            {"b64_json": CIRCLE, "revised_prompt": "x" * 100_000}
        ]
        assert read("openai", {"data": [{**both, "b64_json": None, "revised_prompt": 7}]}).items == [
            {"url": "https://a.test"}
        ]

    def test_of_gemini_is_of_the_pictures_of_the_first_candidate(self) -> None:
        data = {"inlineData": {"mimeType": "image/png", "data": CIRCLE}}
        parts = [{"text": "a"}, {"thought": True, **data}, {**data}, {"inlineData": {}}]
        answer = {
            "candidates": [{"content": {"parts": parts}}, {"content": {"parts": [data]}}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        }
        made = read("google", answer, "gemini")
        assert made.items == [{"b64_json": CIRCLE}]
        assert made.more["usage"] == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        made = read("google", {"candidates": answer["candidates"]}, "gemini")
        assert "usage" not in made.more
        made = read("google", {**answer, "usageMetadata": {"totalTokenCount": 3}}, "gemini")
        assert made.more["usage"] == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 3}

    def test_of_imagen_leaves_out_what_was_withheld(self) -> None:
        found = [{"raiFilteredReason": "No."}, {"bytesBase64Encoded": CIRCLE}, {"bytesBase64Encoded": ""}]
        assert read("google", {"predictions": found}, "imagen").items == [{"b64_json": CIRCLE}]

    @pytest.mark.parametrize("model", ["imagen", "gemini"])
    def test_of_google_tells_what_is_withheld_from_what_is_no_answer(self, model: str) -> None:
        with pytest.raises(ProviderFailure) as failed:
            read("google", {}, model)
        assert failed.value.kind == "filtered"
        assert failed.value.error.message == "The provider's filter withheld the pictures."
        assert failed.value.error.code == "provider_refused"
        for answer in ([], {"error": {"code": 500}}, "text"):
            assert kind_of("google", answer, model) == "no_picture"
