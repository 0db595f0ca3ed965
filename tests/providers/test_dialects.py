"""What is sent to each provider, in its own form, and what is understood of its answer."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from echo.providers.anthropic_models import default_tokens, version_of
from echo.providers.chat import Attachment, ChatRequest, Credentials, Finished, Turn, Usage
from echo.providers.openai import OpenAIDialect
from echo.settings import AzureDeployment, ProviderSettings
from tests.support.providers import (
    RENDER,
    SERVERS,
    Answer,
    Reply,
    anthropic_server,
    azure_server,
    event_stream,
    google_server,
    json_answer,
    openai_server,
)
from tests.support.providers import anthropic as anthropic_support
from tests.support.providers import google as google_support
from tests.support.providers import openai as openai_support
from tests.support.providers.asking import ask, listen, request, settings_of
from tests.support.providers.server import serving

MODELS = {
    "openai": "gpt-4.1",
    "custom": "llama",
    "azure": "gpt-4o",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-2.5-pro",
}
kinds = pytest.mark.parametrize("kind", SERVERS)

PNG = b"\x89PNG\r\n\x1a\n and more"
IN_BASE64 = base64.b64encode(PNG).decode()
ATTACHED = (
    Attachment('odd "name"\n</file>.txt', "text/plain", "\ufeffContent: ünï\n".encode()),
    Attachment("cat.png", "image/png", PNG),
)
MARKED = '<file name="odd &quot;name&quot;&lt;/file&gt;.txt">\nContent: ünï\n</file>\n\nWhat is this?'
FULL = {
    "turns": (
        Turn.of_text("user", "Hello"),
        Turn.of_text("assistant", "Hi."),
        Turn.of_text("user", "What is this?", ATTACHED),
    ),
    "system": "Be kind.",
    "temperature": 0.5,
    "max_tokens": 99,
    "stop": ("END",),
    "frequency_penalty": 0.25,
    "presence_penalty": -0.5,
    "top_k": 40,
}


def sent(kind: str, model: str | None = None, settings: dict[str, Any] | None = None, **chat: Any) -> Any:
    """The body that one chat sends."""
    with SERVERS[kind]() as server:
        asked = request(model=model or MODELS[kind])
        said = listen(
            settings_of(kind, server.url, **(settings or {})), ChatRequest(**{**vars(asked), **chat})
        )
        assert said.error is None
        [received] = server.chats
    return received.json


@kinds
class TestEveryKind:
    def test_streams_text_usage_and_the_end(self, kind: str) -> None:
        with SERVERS[kind](Reply(usage=(21, 9), finish="length")) as server:
            said = listen(settings_of(kind, server.url), request(model=MODELS[kind]))
        assert said.text == "Hello wörld."
        assert said.usage == Usage(21, 9)
        assert said.events[-1] == Finished("length")
        assert len([event for event in said.events if isinstance(event, Finished)]) == 1

    def test_streams_reasoning_apart(self, kind: str) -> None:
        with SERVERS[kind](Reply(reasoning=["Let me ", "see…"])) as server:
            said = listen(settings_of(kind, server.url), request(model=MODELS[kind]))
        assert (said.reasoning, said.text) == ("Let me see…", "Hello wörld.")

    @pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
    def test_tells_why_the_model_ended(self, kind: str, finish: Any) -> None:
        with SERVERS[kind](Reply(finish=finish)) as server:
            said = listen(settings_of(kind, server.url), request(model=MODELS[kind]))
        assert said.events[-1] == Finished(finish)

    def test_completes_a_short_answer(self, kind: str) -> None:
        with SERVERS[kind](Reply(["A ", "Title"], reasoning=["hm"])) as server:
            settings = settings_of(kind, server.url)
            assert ask(settings, lambda it: it.complete(request(model=MODELS[kind]))) == "A Title"

    def test_sends_a_users_own_key_instead_of_the_servers(self, kind: str) -> None:
        with SERVERS[kind](key="mine") as server:
            settings = settings_of(kind, server.url, user_provides_key=True)
            chat = request(model=MODELS[kind])
            assert listen(settings, chat, Credentials("mine")).text == Reply().whole
            assert listen(settings, chat).error.code == "provider_refused_key"

    def test_sends_the_operators_headers(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            settings = settings_of(kind, server.url, headers={"X-Team": "blue"})
            assert listen(settings, request(model=MODELS[kind])).error is None
        assert server.requests[0].headers["x-team"] == "blue"

    def test_uses_a_connection_again(self, kind: str) -> None:
        async def often(provider: Any) -> None:
            for _ in range(3):
                async for _event in provider.stream(request(model=MODELS[kind])):
                    pass

        def late(received: Any) -> Answer:
            """Its end is another packet than the last event, as it mostly is."""
            return event_stream(*RENDER[kind](Reply(), received).pieces, 0.01)

        with SERVERS[kind](late) as server:
            ask(settings_of(kind, server.url), often)
        assert (len(server.chats), server.connections) == (3, 1)

    def test_sends_no_cookies_back(self, kind: str) -> None:
        answer = json_answer({}, Set_Cookie="a=b")
        with SERVERS[kind](answer) as server:

            async def twice(provider: Any) -> None:
                for _ in range(2):
                    await provider.complete(request(model=MODELS[kind]))

            ask(settings_of(kind, server.url), twice)
        assert all("cookie" not in received.headers for received in server.requests)


class TestOpenAI:
    def test_is_sent_everything_in_its_form(self) -> None:
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IN_BASE64}"}}
        assert sent("openai", top_p=0.9, **FULL) == {
            "model": "gpt-4.1",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": [{"type": "text", "text": MARKED}, image]},
            ],
            "max_completion_tokens": 99,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["END"],
            "frequency_penalty": 0.25,
            "presence_penalty": -0.5,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def test_is_sent_nothing_that_is_not_set(self) -> None:
        assert set(sent("openai")) == {"model", "messages", "stream", "stream_options"}

    @pytest.mark.parametrize(
        ("model", "kept"),
        [
            ("gpt-4.1", True),
            ("chatgpt-4o-latest", True),
            ("gpt-5-chat-latest", True),
            ("gpt-5", False),
            ("gpt-5-mini-2025-08-07", False),
            ("o3", False),
            ("o4-mini", False),
            ("openai/o1-preview", False),
            ("omni-moderation", True),
        ],
    )
    def test_is_spared_what_reasoning_models_refuse(self, model: str, kept: bool) -> None:
        refused = {"temperature": 0.5, "top_p": 0.9, "frequency_penalty": 1.0, "presence_penalty": 1.0}
        body = sent("openai", model, **refused, stop=("a",), max_tokens=9)
        assert [name in body for name in (*refused, "stop")] == [kept] * 5
        assert body["max_completion_tokens"] == 9

    @pytest.mark.parametrize(
        ("model", "told"),
        [("gpt-4.1", False), ("o1-mini", False), ("gpt-5-chat-latest", False), ("o3", True), ("gpt-5", True)],
    )
    def test_is_told_how_much_to_reason_where_the_model_takes_it(self, model: str, told: bool) -> None:
        assert ("reasoning_effort" in sent("openai", model, reasoning_effort="low")) is told

    def test_is_sent_four_stops_at_most(self) -> None:
        assert sent("openai", stop=tuple("abcdef"))["stop"] == ["a", "b", "c", "d"]

    def test_lists_those_of_its_models_that_chat(self) -> None:
        settings = settings_of("openai", "https://api.openai.com/v1")
        listed = {
            "data": [
                {"id": name} for name in [*openai_support.MODELS, "dall-e-3", "ft:gpt-4o:acme", "whisper-1"]
            ]
        }
        assert OpenAIDialect(settings).read_models(listed) == [
            "ft:gpt-4o:acme",
            "gpt-4.1",
            "gpt-4.1-mini",
            "o3",
        ]

    def test_a_refusal_is_text(self) -> None:
        chunks = [openai_support.chunk({}, [openai_support.delta(refusal="I cannot.")])]
        with openai_server(event_stream(*chunks, openai_support.DONE)) as server:
            assert listen(settings_of("openai", server.url)).text == "I cannot."


class TestCustom:
    def test_is_sent_the_older_name_of_the_limit(self) -> None:
        body = sent("custom", "o3", temperature=0.5, max_tokens=9)
        assert (body["max_tokens"], body["temperature"]) == (9, 0.5)

    def test_is_sent_what_openai_has_whatever_the_model(self) -> None:
        given = {"frequency_penalty": 0.25, "presence_penalty": -0.5, "reasoning_effort": "high"}
        body = sent("custom", "llama", **given, top_k=40)
        assert given.items() <= body.items()
        assert "top_k" not in body

    @pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
    def test_reasons_under_either_name(self, field: str) -> None:
        chunks = [openai_support.chunk({}, [openai_support.delta(**{field: "hm"})])]
        with openai_server(event_stream(*chunks, openai_support.DONE)) as server:
            assert listen(settings_of("custom", server.url)).reasoning == "hm"

    def test_answers_in_parts_as_mistral_does(self) -> None:
        content = [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "Yes"},
        ]
        chunks = [openai_support.chunk({}, [openai_support.delta(content=content)])]
        with openai_server(event_stream(*chunks, openai_support.DONE)) as server:
            said = listen(settings_of("custom", server.url))
        assert (said.reasoning, said.text) == ("hm", "Yes")

    def test_what_the_operator_drops_is_not_sent_and_what_he_adds_always(self) -> None:
        adjusted = {
            "drop_parameters": ("stop", "stream_options", "max_completion_tokens"),
            "add_parameters": {"temperature": 0, "safe_prompt": True, "stream": False, "model": "other"},
        }
        body = sent("custom", settings=adjusted, temperature=1.0, stop=("a",), max_tokens=5)
        assert not {"stop", "stream_options", "max_tokens"} & set(body)
        assert (body["temperature"], body["safe_prompt"]) == (0, True)
        assert (body["stream"], body["model"]) == (True, "llama")


@kinds
@pytest.mark.parametrize(
    "names",
    [("topK", "frequency_penalty", "presence_penalty"), ("top_k", "frequencyPenalty", "presencePenalty")],
)
def test_what_is_dropped_goes_by_any_of_its_names(kind: str, names: tuple[str, ...]) -> None:
    given = {"top_k": 5, "frequency_penalty": 1.0, "presence_penalty": 1.0, "reasoning_effort": "low"}
    body = sent(kind, settings={"drop_parameters": (*names, "reasoning_effort")}, **given)
    assert body == sent(kind)


class TestAzure:
    def settings(self, url: str) -> ProviderSettings:
        deployments = {
            "gpt-4o": AzureDeployment(
                f"{url}/openai/deployments/east/", "2024-10-21", "k1", {"X-Region": "east"}
            ),
            "o3": AzureDeployment(f"{url}/openai/deployments/west", "2025-04-01-preview", "k2"),
        }
        return ProviderSettings(
            "azure", "azure", ("gpt-4o", "o3"), deployments=deployments, user_provides_key=True
        )

    def test_each_model_goes_to_its_deployment(self) -> None:
        with azure_server(deployments=["east", "west"]) as server:
            settings = self.settings(server.url)
            assert listen(settings, request(model="gpt-4o", max_tokens=5)).text == Reply().whole
            assert listen(settings, request(model="o3", max_tokens=5)).text == Reply().whole
        east, west = server.requests
        assert east.path == "/openai/deployments/east/chat/completions?api-version=2024-10-21"
        assert west.path == "/openai/deployments/west/chat/completions?api-version=2025-04-01-preview"
        assert (east.headers["api-key"], east.headers["x-region"], east.json["max_tokens"]) == (
            "k1",
            "east",
            5,
        )
        assert (west.headers["api-key"], west.json["max_completion_tokens"]) == ("k2", 5)

    def test_a_users_key_goes_there_too(self) -> None:
        with azure_server(deployments=["east"], key="mine") as server:
            assert (
                listen(self.settings(server.url), request(model="gpt-4o"), Credentials("mine")).error is None
            )

    def test_a_model_without_a_deployment_is_refused_here(self) -> None:
        with azure_server() as server:
            assert listen(self.settings(server.url), request(model="gpt-9")).error.code == "provider_refused"
        assert server.requests == []

    @pytest.mark.parametrize("model", [".", "..", ""])
    def test_a_name_that_is_a_path_is_refused_here(self, model: str) -> None:
        with azure_server() as server:
            said = listen(settings_of("azure", server.url), request(model=model))
        assert said.error.code == "provider_refused"
        assert server.requests == []

    def test_lists_what_is_configured(self) -> None:
        settings = self.settings("http://127.0.0.1:1")
        assert ask(settings, lambda it: it.models()) == ("gpt-4o", "o3")


class TestAnthropic:
    def test_is_sent_everything_in_its_form(self) -> None:
        source = {"type": "base64", "media_type": "image/png", "data": IN_BASE64}
        mark = {"cache_control": {"type": "ephemeral"}}
        assert sent("anthropic", **FULL) == {
            "model": "claude-haiku-4-5",
            "system": [{"type": "text", "text": "Be kind.", **mark}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hello", **mark}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": source},
                        {"type": "text", "text": MARKED, **mark},
                    ],
                },
            ],
            "max_tokens": 99,
            "temperature": 0.5,
            "top_k": 40,
            "stop_sequences": ["END"],
            "stream": True,
        }

    @pytest.mark.parametrize(
        ("model", "tokens"),
        [
            ("claude-3-haiku-20240307", 4096),
            ("claude-3-5-sonnet-20241022", 8192),
            ("claude-3-7-sonnet-latest", 64_000),
            ("claude-opus-4-20250514", 32_000),
            ("claude-opus-4-1", 32_000),
            ("claude-opus-4-5", 64_000),
            ("claude-sonnet-4-5-20250929", 64_000),
            ("claude-sonnet-5", 64_000),
            ("another", 8192),
        ],
    )
    def test_is_sent_as_many_tokens_as_a_model_can_write(self, model: str, tokens: int) -> None:
        assert default_tokens(model) == tokens
        assert sent("anthropic", model)["max_tokens"] == tokens

    @pytest.mark.parametrize(
        ("model", "names"),
        [
            ("claude-3-5-sonnet-20241022", {"temperature", "top_p"}),
            ("claude-sonnet-4-20250514", {"temperature", "top_p"}),
            ("claude-opus-4-1-20250805", {"temperature"}),
            ("claude-sonnet-4-6", {"temperature"}),
            ("claude-opus-4-7", set()),
            ("claude-sonnet-5-5", set()),
            ("claude-mythos-preview", set()),
        ],
    )
    def test_is_spared_what_newer_models_refuse(self, model: str, names: set[str]) -> None:
        body = sent("anthropic", model, temperature=1.7, top_p=0.9, top_k=5)
        assert {"temperature", "top_p"} & set(body) == names
        assert ("top_k" in body) is bool(names)
        assert body.get("temperature", 1.0) == 1.0

    def test_takes_top_p_where_it_is_alone(self) -> None:
        assert sent("anthropic", "claude-sonnet-4-5", top_p=0.9)["top_p"] == 0.9

    def test_versions(self) -> None:
        assert version_of("claude-opus-4-1-20250805") == (4, 1)
        assert version_of("claude-3-opus-20240229") == (3, 0)
        assert version_of("gpt-4") is None

    def test_is_sent_no_empty_text_and_no_turn_of_the_model_first(self) -> None:
        turns = (
            Turn.of_text("assistant", "Welcome"),
            Turn.of_text("user", " \n"),
            Turn.of_text("assistant", ""),
            Turn.of_text("user", "Hello"),
        )
        body = sent("anthropic", turns=turns, stop=("", " ", "x"))
        assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
        assert body["stop_sequences"] == ["x"]

    def test_counts_cached_input_too(self) -> None:
        start = {"message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 40, "output_tokens": 1}}}

        event = anthropic_support.event
        stop = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 12})
        with anthropic_server(
            event_stream(event("message_start", **start), stop, event("message_stop"))
        ) as server:
            assert listen(settings_of("anthropic", server.url)).usage == Usage(43, 12, cached_tokens=40)

    @pytest.mark.parametrize("repeats", [1, 2])
    def test_counts_input_that_is_told_again_once(self, repeats: int) -> None:
        """The later events tell totals, of the input too where tools or a proxy are between."""
        event = anthropic_support.event
        counts = {"input_tokens": 3, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 40}
        start = event("message_start", message={"usage": {**counts, "output_tokens": 1}})
        ending = {"delta": {"stop_reason": "end_turn"}, "usage": {**counts, "output_tokens": 12}}
        text = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
        stream = event_stream(start, text, event("message_delta", **ending) * repeats, event("message_stop"))
        with anthropic_server(stream) as server:
            assert listen(settings_of("anthropic", server.url)).usage == Usage(
                50, 12, cached_tokens=40, cache_written=7
            )


class TestGoogle:
    def test_is_sent_everything_in_its_form(self) -> None:
        assert sent("google", top_p=0.9, **FULL) == {
            "systemInstruction": {"parts": [{"text": "Be kind."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hello"}]},
                {"role": "model", "parts": [{"text": "Hi."}]},
                {
                    "role": "user",
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": IN_BASE64}}, {"text": MARKED}],
                },
            ],
            "generationConfig": {
                "maxOutputTokens": 99,
                "temperature": 0.5,
                "topP": 0.9,
                "topK": 40,
                "frequencyPenalty": 0.25,
                "presencePenalty": -0.5,
                "stopSequences": ["END"],
            },
        }

    def test_the_model_cannot_lead_to_another_path(self) -> None:
        with google_server() as server:
            listen(settings_of("google", server.url), request(model="../files?x=#"))
        assert server.requests[0].path == "/v1beta/models/..%2Ffiles%3Fx=%23:streamGenerateContent?alt=sse"

    def test_adds_to_the_generation_config(self) -> None:
        added = {"add_parameters": {"thinkingConfig": {"includeThoughts": True}}}
        assert sent("google", settings=added)["generationConfig"] == added["add_parameters"]

    def test_a_blocked_prompt_is_an_error_with_its_reason(self) -> None:
        blocked = {
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": {"promptTokenCount": 8},
        }

        with google_server(event_stream(google_support.event(blocked))) as server:
            said = listen(settings_of("google", server.url))
        assert said.events == [Usage(8, 0)]
        assert (said.error.status, said.error.code) == (422, "provider_refused")
        assert said.error.message == (
            "The model refused to answer, or the provider's content filter withheld the answer."
        )

    def test_a_bad_key_is_told_from_a_bad_request(self) -> None:
        with google_server(key="right") as server:
            assert listen(settings_of("google", server.url)).error.code == "provider_refused_key"


class TestModels:
    @pytest.mark.parametrize(
        ("kind", "models"),
        [
            ("openai", openai_support.MODELS),
            ("anthropic", ("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001")),
            ("google", ("gemini-2.5-pro", "gemini-2.5-flash")),
        ],
    )
    def test_are_fetched_once_for_all_who_ask(self, kind: str, models: tuple[str, ...]) -> None:
        async def often(provider: Any) -> Any:
            together = await asyncio.gather(*(provider.models() for _ in range(5)))
            return {*together, await provider.models()}

        with SERVERS[kind]() as server:
            assert ask(settings_of(kind, server.url, fetch_models=True), often) == {models}
        assert len(server.requests) == 1

    def test_are_not_fetched_unless_configured(self) -> None:
        with openai_server() as server:
            assert ask(settings_of("openai", server.url), lambda it: it.models()) == ("m",)
        assert server.requests == []

    def test_are_the_configured_ones_without_a_key(self) -> None:
        settings = settings_of(
            "custom",
            "http://127.0.0.1:1",
            api_key=None,
            fetch_models=True,
            user_provides_key=True,
            user_provides_url=True,
        )
        assert ask(settings, lambda it: it.models()) == ("m",)
        assert ask(settings, lambda it: it.models(Credentials("k", "http://localhost"))) == ("m",)

    def test_are_remembered_for_each_key(self) -> None:
        async def both(provider: Any) -> Any:
            return [await provider.models(Credentials(key)) for key in ("mine", "other", "mine")]

        with openai_server(key="mine") as server:
            settings = settings_of("custom", server.url, fetch_models=True, user_provides_key=True)
            assert ask(settings, both) == [openai_support.MODELS, ("m",), openai_support.MODELS]
        assert len(server.requests) == 2

    @pytest.mark.parametrize(
        "names",
        [[], [None, 5, {}, ["x"]], ["x" * 300, "\x1b[31m", ""], "gpt-4.1", {"a": 1}],
    )
    def test_are_the_configured_ones_where_the_answer_is_none(self, names: Any) -> None:
        data = [{"id": name} for name in names] if isinstance(names, list) else names
        with serving_models({"data": data}) as url:
            assert ask(settings_of("custom", url, fetch_models=True), lambda it: it.models()) == ("m",)

    def test_are_bounded(self) -> None:
        with serving_models({"data": [{"id": f"m{number}"} for number in range(5000)]}) as url:
            names = ask(settings_of("custom", url, fetch_models=True), lambda it: it.models())
        assert len(names) == 2000


@contextmanager
def serving_models(body: Any) -> Iterator[str]:
    with serving(lambda _: json_answer(body)) as server:
        yield server.url
