"""Embeddings: what each kind of provider is asked, and what becomes of its answers, however hostile."""

import asyncio
import base64
import json
import struct
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from echo.errors import ApiError
from echo.providers import embeddings as module
from echo.providers.chat import Credentials
from echo.providers.embeddings import EmbeddingRequest, Embeddings, embedder_of, packed
from echo.providers.failures import ProviderFailure
from echo.providers.operations import Wanted
from echo.providers.provider import Access
from echo.providers.registry import build_providers
from echo.settings import AzureDeployment, ProviderSettings
from tests.support.providers import SERVERS, Answer, ProviderServer, json_answer
from tests.support.providers.asking import LIMITS, settings_of
from tests.support.providers.server import Received, serving


def embed(settings: ProviderSettings, request: EmbeddingRequest) -> list[Embeddings]:
    async def run() -> list[Embeddings]:
        providers = build_providers([settings], LIMITS)
        try:
            errands = embedder_of(settings).errands(request)
            return [await providers[settings.name].ask(each) for each in errands]
        finally:
            await providers.close()

    return asyncio.run(run())


def request(*inputs: Any, dimensions: int | None = None, model: str = "m") -> EmbeddingRequest:
    return EmbeddingRequest(Wanted(model), inputs or ("Hi",), dimensions)


def of(kind: str, server: ProviderServer, **more: Any) -> ProviderSettings:
    if kind == "azure":
        base = f"{server.url}/openai/deployments/gpt-4o"
        more = {"deployments": {"m": AzureDeployment(base, "2024-10-21", "az")}, **more}
    return settings_of(kind, server.url, **more)


@pytest.mark.parametrize("kind", ["openai", "custom", "azure", "google"])
class TestEachKind:
    def test_gives_a_vector_for_each_text(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            [made] = embed(of(kind, server), request("Hi", "Hello"))
        assert [list(vector) for vector in made.vectors] == [[0.5, -0.5, -0.5], [1.25, -0.5, -0.5]]
        assert made.tokens == (0 if kind == "google" else 8)

    def test_takes_the_number_of_dimensions(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            [made] = embed(of(kind, server), request("Hi", dimensions=5))
        assert [len(vector) for vector in made.vectors] == [5]

    def test_sends_the_operators_headers(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            embed(of(kind, server, headers={"X-Team": "a"}), request())
        assert server.requests[0].headers["x-team"] == "a"


@pytest.mark.parametrize(("kind", "sent"), [("openai", "base64"), ("azure", "base64"), ("custom", None)])
def test_asks_for_base64_where_it_is_known(kind: str, sent: str | None) -> None:
    with SERVERS[kind]() as server:
        embed(of(kind, server), request((1, 2, 3)))
    assert server.requests[0].json.get("encoding_format") == sent
    assert server.requests[0].json["input"] == [[1, 2, 3]]


def test_does_without_base64_where_it_is_refused() -> None:
    def respond(received: Received) -> Answer:
        if "encoding_format" in received.json:
            return json_answer({"error": {"message": "Unknown parameter", "param": "encoding_format"}}, 400)
        return json_answer({"data": [{"embedding": [1, 2.5]}]})

    with serving(respond) as server:
        [made] = embed(of("openai", server), request())
    assert [list(vector) for vector in made.vectors] == [[1.0, 2.5]]


def test_google_gets_hundreds() -> None:
    with SERVERS["google"]() as server:
        parts = embed(of("google", server), request(*["Hi"] * 201))
    assert [len(part.vectors) for part in parts] == [100, 100, 1]


@pytest.mark.parametrize(
    ("kind", "asked", "code"),
    [("google", request((1, 2)), "unsupported_content"), ("anthropic", request(), "not_offered")],
)
def test_refuses_what_the_provider_does_not_have(kind: str, asked: EmbeddingRequest, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        embedder_of(settings_of(kind, "http://127.0.0.1:1")).errands(asked)
    assert (refused.value.status, refused.value.code) == (422, code)


def data(*values: Any) -> dict[str, Any]:
    return {"data": [{"index": index, "embedding": value} for index, value in enumerate(values)]}


def bits(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"data": {}},
        {"data": ["a"]},
        data(),
        data([1.0], [2.0]),
        data([]),
        data(None),
        data(["1"]),
        data([True]),
        data([[1.0]]),
        data([1e39]),
        data([1.0, None]),
        data({"a": 1}),
        data("not base64!"),
        data("AAAA"),
        data(""),
        data(bits(1.0, float("nan"))),
        data(bits(float("inf"))),
        data([float("nan")]),
        data([0.0] * 70_000),
        {"embeddings": [{"values": [1.0]}]},
    ],
)
def test_an_answer_that_is_none_is_a_failure(answer: Any) -> None:
    with serving(lambda _: json_answer(answer)) as server, pytest.raises(ApiError) as failed:
        embed(of("openai", server), request())
    assert (failed.value.status, failed.value.code) == (502, "provider_failed")


def test_vectors_are_as_long_as_was_asked_and_as_each_other() -> None:
    with serving(lambda _: json_answer(data([1.0], [1.0, 2.0]))) as server:
        for asked in (request("a", "b"), request("a", "b", dimensions=1)):
            with pytest.raises(ApiError):
                embed(of("custom", server), asked)


def test_order_is_that_of_the_inputs() -> None:
    turned = {"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]}
    with serving(lambda _: json_answer(turned)) as server:
        [made] = embed(of("custom", server), request("a", "b"))
    assert [list(vector) for vector in made.vectors] == [[1.0], [2.0]]


def too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EMBEDDINGS_BYTES", 20)


def too_many_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EMBEDDED_NUMBERS", 2)


@pytest.mark.parametrize("bound", [too_many_bytes, too_many_numbers])
def test_an_answer_that_is_too_large_is_a_failure(
    bound: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (module.MAX_EMBEDDINGS_BYTES, module.MAX_EMBEDDED_NUMBERS) == (41_943_040, 4_194_304)
    bound(monkeypatch)
    with (
        serving(lambda _: json_answer(data([1.0, 2.0, 3.0, 4.0]))) as server,
        pytest.raises(ApiError) as failed,
    ):
        embed(of("custom", server), request())
    assert failed.value.status == 502


def test_a_redirect_leads_nowhere() -> None:
    with (
        serving(lambda _: json_answer(data([1.0]))) as other,
        serving(lambda _: Answer((), 307, {"Location": other.url, "Content-Length": "0"})) as server,
    ):
        with pytest.raises(ApiError):
            embed(of("openai", server), request())
        assert other.requests == []


def test_a_users_own_address_is_guarded() -> None:
    """By the same transport as chats: loopback is none that a user may name."""

    async def run() -> None:
        settings = settings_of("openai", "http://127.0.0.1:1", user_provides_url=True)
        providers = build_providers([settings], LIMITS)
        [errand] = embedder_of(settings).errands(request())
        try:
            await providers["openai"].ask(errand, Credentials("k", "http://127.0.0.1:1/v1"))
        finally:
            await providers.close()

    with pytest.raises(ApiError) as refused:
        asyncio.run(run())
    assert refused.value.code == "base_url_refused"


def test_numbers_are_packed_as_openai_packs_them() -> None:
    assert packed(array("d", [0.25, -0.5])) == "AACAPgAAAL8="
    assert packed(array("f", [0.25, -0.5])) == "AACAPgAAAL8="


def test_goes_round_the_keys_of_an_endpoint() -> None:
    """As chats do: a key that is limited is passed over at once."""

    def respond(received: Received) -> Answer:
        if received.headers["authorization"] == "Bearer one":
            return json_answer({"error": {"code": "rate_limit_exceeded"}}, 429, Retry_After="60")
        return json_answer(data([1.0]))

    with serving(respond) as server:
        settings = of("openai", server, api_key="one", further_keys=("two",))
        assert [list(vector) for vector in embed(settings, request())[0].vectors] == [[1.0]]
    assert [each.headers["authorization"] for each in server.requests] == ["Bearer one", "Bearer two"]


ACCESS = Access("key", "http://x/y")


def errand_of(kind: str, asked: EmbeddingRequest) -> Any:
    return embedder_of(settings_of(kind, "http://x/y")).errands(asked)[0]


def read(kind: str, answer: Any, asked: EmbeddingRequest) -> Embeddings:
    made: Embeddings = errand_of(kind, asked).read(json.dumps(answer).encode())
    return made


class TestErrand:
    def test_of_openai(self) -> None:
        errand = errand_of("openai", request("a", "b", dimensions=3, model="small"))
        assert (errand.name, errand.model, errand.most) == ("embeddings", "small", 41_943_040)
        call = errand.call(ACCESS)
        assert call.url == "http://x/y/embeddings"
        assert call.body == {
            "model": "small",
            "input": ("a", "b"),
            "dimensions": 3,
            "encoding_format": "base64",
        }
        assert call.optional == {"encoding_format"}
        assert errand_of("custom", request("a")).call(ACCESS).body == {"model": "m", "input": ("a",)}

    @pytest.mark.parametrize("model", ["gemini/1", "models/gemini/1"])
    def test_of_google(self, model: str) -> None:
        errand = errand_of("google", request("a", "b", dimensions=3, model=model))
        assert (errand.name, errand.model, errand.most) == ("embeddings", model, 41_943_040)
        call = errand.call(Access("key", "http://x/y", own_url=True))
        assert call.url == "http://x/y/v1beta/models/gemini%2F1:batchEmbedContents"
        asked = {"model": "models/gemini/1", "outputDimensionality": 3}
        assert call.body == {
            "requests": [{**asked, "content": {"parts": [{"text": text}]}} for text in ("a", "b")]
        }
        assert (call.guarded, call.model, call.parameters) == (True, model, {"outputDimensionality"})
        assert call.headers["x-goog-api-key"] == "key"
        [alone] = errand_of("google", request("a", model=model)).call(ACCESS).body["requests"]
        assert alone == {"model": "models/gemini/1", "content": {"parts": [{"text": "a"}]}}

    def test_of_google_has_its_own_part_of_the_texts(self) -> None:
        texts = [str(number) for number in range(201)]
        errands = embedder_of(settings_of("google", "http://x/y")).errands(request(*texts, dimensions=1))
        sent = [
            part["content"]["parts"][0]["text"]
            for errand in errands
            for part in errand.call(ACCESS).body["requests"]
        ]
        assert sent == texts
        last = {"embeddings": [{"values": [1.0]}]}
        assert len(errands[2].read(json.dumps(last).encode()).vectors) == 1
        with pytest.raises(ProviderFailure):
            errands[0].read(json.dumps(last).encode())


class TestReading:
    @pytest.mark.parametrize(
        ("usage", "tokens"),
        [
            ({"prompt_tokens": 5, "total_tokens": 7}, 5),
            ({"total_tokens": 7}, 7),
            ({"prompt_tokens": "5"}, 0),
            (None, 0),
        ],
    )
    def test_tells_the_tokens(self, usage: Any, tokens: int) -> None:
        assert read("openai", {**data([1.0]), "usage": usage}, request("a")).tokens == tokens

    @pytest.mark.parametrize("places", [(None, None), (0, 0), (1, 2), ("1", "0"), (True, False), (1.0, 0)])
    def test_keeps_the_order_where_the_places_say_nothing(self, places: Any) -> None:
        listed = [{"index": place, "embedding": [number]} for number, place in enumerate(places)]
        made = read("openai", {"data": listed}, request("a", "b"))
        assert [list(vector) for vector in made.vectors] == [[0.0], [1.0]]

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            ({}, "wrong_number"),
            (data([1.0], [1.0]), "wrong_number"),
            (data([]), "wrong_dimensions"),
            (data([1.0, 2.0]), "wrong_dimensions"),
            (data([0.0] * 65_537), "wrong_dimensions"),
            (data("AAAA"), "no_vector"),
            (data("!"), "no_vector"),
            (data(None), "no_vector"),
            (data([True]), "no_vector"),
            (data([-1e39]), "no_number"),
            (data(bits(float("nan"))), "no_number"),
        ],
    )
    def test_calls_each_failure_by_its_name(self, answer: Any, kind: str) -> None:
        with pytest.raises(ProviderFailure) as failed:
            read("openai", answer, request("a", dimensions=1 if kind == "wrong_dimensions" else None))
        assert (failed.value.kind, failed.value.transient) == (kind, False)

    def test_of_different_lengths_is_a_failure(self) -> None:
        with pytest.raises(ProviderFailure) as failed:
            read("openai", data([1.0], [1.0, 2.0]), request("a", "b"))
        assert failed.value.kind == "wrong_dimensions"

    def test_takes_what_is_at_its_bounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert len(read("openai", data([0.0] * 65_536), request("a")).vectors[0]) == 65_536
        most = 3.4028234e38
        assert list(read("openai", data([most, -most, 1]), request("a")).vectors[0]) == [most, -most, 1.0]
        answer = data([1.0, 2.0])
        monkeypatch.setattr(module, "MAX_EMBEDDED_NUMBERS", json.dumps(answer).count(","))
        assert len(read("openai", answer, request("a")).vectors) == 1
        monkeypatch.setattr(module, "MAX_EMBEDDED_NUMBERS", json.dumps(answer).count(",") - 1)
        with pytest.raises(ProviderFailure) as failed:
            read("openai", answer, request("a"))
        assert failed.value.kind == "too_large"

    @pytest.mark.parametrize(
        "answer", [{}, {"embeddings": {}}, {"embeddings": [{}]}, [], {"embeddings": [1]}]
    )
    def test_of_googles_answer_that_is_none(self, answer: Any) -> None:
        with pytest.raises(ProviderFailure) as failed:
            read("google", answer, request("a"))
        assert failed.value.kind in {"wrong_number", "no_vector"}


def test_googles_refusal_of_tokens_says_why() -> None:
    with pytest.raises(ApiError) as refused:
        errand_of("google", request((1, 2)))
    assert refused.value.message == "Google's models embed texts, not lists of tokens."


def test_what_is_embedded_stays_out_of_logs() -> None:
    assert "canary" not in repr(request("canary"))
