"""OpenAI's own client drives `/v1`: what it makes of answers, streams and errors."""

import time
from typing import Any

import httpx
import openai
import pytest

from tests.completions.conftest import User, asked, leave
from tests.support.providers import ProviderServer
from tests.support.server import RunningServer
from tests.support.waiting import eventually

MODEL = "openAI/gpt-4o"


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


class TestModels:
    def test_are_listed_as_endpoint_and_model(self, ada: User) -> None:
        assert [(model.id, model.owned_by, model.object) for model in ada.openai.models.list()] == [
            ("openAI/gpt-4o", "openAI", "model"),
            ("openAI/shared/model", "openAI", "model"),
            ("anthropic/claude", "anthropic", "model"),
            ("anthropic/shared/model", "anthropic", "model"),
        ]

    def test_those_of_ones_own_key_are_ones_own(self, ada: User, bob: User, server: RunningServer) -> None:
        body = {"name": "google", "value": '{"GOOGLE_API_KEY": "g"}'}
        headers = {"Authorization": f"Bearer {ada.token}"}
        assert httpx.put(f"{server.url}/api/keys", json=body, headers=headers).status_code == 201
        assert "google/gemini" in [model.id for model in ada.openai.models.list()]
        assert "google/gemini" not in [model.id for model in bob.openai.models.list()]


class TestWhole:
    def test_answers(self, ada: User) -> None:
        completion = ada.openai.chat.completions.create(model=MODEL, messages=said("Hello"))
        assert completion.object == "chat.completion"
        assert completion.id.startswith("chatcmpl-")
        assert completion.model == MODEL
        assert abs(completion.created - time.time()) < 60
        choice = completion.choices[0]
        assert (choice.message.role, choice.message.content) == ("assistant", "Hello wörld.")
        assert choice.finish_reason == "stop"
        assert completion.usage
        assert completion.usage.to_dict() == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}

    def test_reaches_another_kind_of_provider(self, ada: User) -> None:
        completion = ada.openai.chat.completions.create(model="anthropic/claude", messages=said("Hello"))
        assert completion.choices[0].message.content == "Claude."

    def test_a_bare_name_will_do_where_one_endpoint_has_it(self, ada: User) -> None:
        completion = ada.openai.chat.completions.create(model="claude", messages=said("Hello"))
        assert completion.choices[0].message.content == "Claude."

    @pytest.mark.parametrize(("text", "reason"), [("cut off", "length"), ("filtered", "content_filter")])
    def test_says_why_the_model_ended(self, ada: User, text: str, reason: str) -> None:
        completion = ada.openai.chat.completions.create(model=MODEL, messages=said(text))
        assert completion.choices[0].finish_reason == reason

    def test_an_answer_that_is_withheld_is_an_error(self, ada: User) -> None:
        with pytest.raises(openai.UnprocessableEntityError, match="filter withheld the answer") as refused:
            ada.openai.chat.completions.create(model=MODEL, messages=said("withheld"))
        assert refused.value.code == "provider_refused"

    def test_shows_the_reasoning(self, ada: User) -> None:
        message = ada.openai.chat.completions.create(model=MODEL, messages=said("thinks")).choices[0].message
        assert message.content == "It is."
        assert message.to_dict()["reasoning_content"] == "Let me see."

    def test_passes_on_what_steers_it(self, ada: User, provider: ProviderServer) -> None:
        ada.openai.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
                {"role": "user", "content": "One"},
                {"role": "assistant", "content": "Two"},
                {"role": "user", "content": "Three"},
            ],
            temperature=0.5,
            top_p=0.9,
            max_completion_tokens=50,
            stop=["\n"],
            frequency_penalty=0.25,
            presence_penalty=-0.5,
            reasoning_effort="low",
            user="someone",
            seed=1,
        )
        sent = asked(provider, "Three")[-1].json
        assert sent["messages"] == [
            {"role": "system", "content": "Be brief.\n\nBe kind."},
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "Two"},
            {"role": "user", "content": "Three"},
        ]
        assert sent["model"] == "gpt-4o"
        assert (sent["temperature"], sent["top_p"], sent["stop"]) == (0.5, 0.9, ["\n"])
        assert (sent["frequency_penalty"], sent["presence_penalty"]) == (0.25, -0.5)
        # This model takes none.
        assert "reasoning_effort" not in sent
        assert 50 in (sent.get("max_completion_tokens"), sent.get("max_tokens"))
        assert "someone" not in repr(sent)


class TestStream:
    def test_comes_in_pieces(self, ada: User) -> None:
        with ada.openai.chat.completions.create(model=MODEL, messages=said("Hello"), stream=True) as stream:
            chunks = list(stream)
        assert {(chunk.object, chunk.id, chunk.model) for chunk in chunks} == {
            ("chat.completion.chunk", chunks[0].id, MODEL)
        }
        assert chunks[0].choices[0].delta.role == "assistant"
        assert [chunk.choices[0].delta.content for chunk in chunks[1:-1]] == ["Hel", "lo ", "wörld."]
        assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
        assert all(chunk.usage is None for chunk in chunks)

    def test_ends_with_the_usage_when_asked(self, ada: User) -> None:
        stream = ada.openai.chat.completions.create(
            model=MODEL, messages=said("Hello"), stream=True, stream_options={"include_usage": True}
        )
        last = list(stream)[-1]
        assert last.choices == []
        assert last.usage
        assert last.usage.total_tokens == 18

    def test_has_the_reasoning_apart(self, ada: User) -> None:
        stream = ada.openai.chat.completions.create(model=MODEL, messages=said("thinks"), stream=True)
        deltas = [chunk.choices[0].delta.to_dict() for chunk in stream]
        assert "".join(str(delta.get("reasoning_content", "")) for delta in deltas) == "Let me see."
        assert "".join(str(delta.get("content") or "") for delta in deltas) == "It is."

    def test_is_not_held_back(self, ada: User) -> None:
        with ada.openai.chat.completions.create(model=MODEL, messages=said("held"), stream=True) as stream:
            # There is no end that it could be held back to.
            assert next(text for chunk in stream if (text := chunk.choices[0].delta.content)) == "a"

    def test_ends_at_the_provider_when_the_client_leaves(self, ada: User, provider: ProviderServer) -> None:
        with ada.openai.chat.completions.create(
            model=MODEL, messages=said("very slow"), stream=True
        ) as stream:
            next(iter(stream))
        assert eventually(lambda: asked(provider, "very slow")[-1].left)

    def test_an_error_in_the_middle_is_one_for_the_client(self, ada: User) -> None:
        for text in ("dies", "ends early"):
            stream = ada.openai.chat.completions.create(model=MODEL, messages=said(text), stream=True)
            with pytest.raises(openai.APIError, match="provider") as failed:
                list(stream)
            assert not isinstance(failed.value, openai.APIStatusError)
            assert failed.value.code == "provider_failed"


class TestLeaving:
    def test_ends_the_providers_work_without_a_stream_too(self, ada: User, provider: ProviderServer) -> None:
        received = leave(ada, provider)
        assert eventually(lambda: received.left)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
class TestErrors:
    def fails(self, user: User, kind: type[openai.APIStatusError], stream: bool, **fields: Any) -> Any:
        asked = {"model": MODEL, "messages": said("Hello"), **fields}
        with pytest.raises(kind) as failed:
            user.openai.chat.completions.create(stream=stream, **asked)
        assert failed.value.body
        return failed.value

    def test_of_a_wrong_key(self, server: RunningServer, stream: bool) -> None:
        stranger = User(server, "", "sk-" + "0" * 64)
        error = self.fails(stranger, openai.AuthenticationError, stream)
        assert (error.code, error.type) == ("invalid_api_key", "authentication_error")

    def test_of_an_unknown_model(self, ada: User, stream: bool) -> None:
        for model in (
            "openAI/gpt-99",
            "nowhere/gpt-4o",
            "gpt-99",
            "openAI/",
            "/",
            "openAI",
            "google/gemini-99",
        ):
            assert self.fails(ada, openai.NotFoundError, stream, model=model).code == "model_not_found"

    def test_of_a_name_that_several_endpoints_have(self, ada: User, stream: bool) -> None:
        error = self.fails(ada, openai.NotFoundError, stream, model="shared/model")
        assert "openAI/shared/model" in error.message

    def test_of_a_key_that_the_user_must_bring(self, ada: User, stream: bool) -> None:
        error = self.fails(ada, openai.UnprocessableEntityError, stream, model="google/gemini")
        assert error.code == "provider_key_missing"

    def test_of_the_providers_limit_with_the_time_to_wait(self, ada: User, stream: bool) -> None:
        error = self.fails(ada, openai.RateLimitError, stream, messages=said("limited"))
        assert error.response.headers["retry-after"] == "7"
        assert error.code == "provider_limited"

    @pytest.mark.parametrize("text", ["broken", "bad key"])
    def test_of_a_provider_that_fails(self, ada: User, stream: bool, text: str) -> None:
        error = self.fails(ada, openai.InternalServerError, stream, messages=said(text))
        assert error.status_code == 502
        assert "own words" not in error.response.text

    def test_of_what_the_provider_refuses(self, ada: User, stream: bool) -> None:
        error = self.fails(ada, openai.UnprocessableEntityError, stream, messages=said("too long"))
        assert error.code == "provider_refused"

    @pytest.mark.parametrize(
        ("messages", "param"),
        [
            ([{"role": "user", "content": None}], "messages.0.content"),
            ([{"role": "tool", "content": "x"}], "messages.0.tool_call_id"),
            ([{"role": "assistant", "content": None}], "messages"),
        ],
    )
    def test_of_messages_that_say_nothing(
        self, ada: User, stream: bool, messages: list[Any], param: str
    ) -> None:
        error = self.fails(ada, openai.UnprocessableEntityError, stream, messages=messages)
        assert (error.code, error.param) == ("unsupported_content", param)

    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"messages": []}, "messages"),
            ({"messages": [{"role": "function", "content": "x", "name": "f"}]}, "messages.0.role"),
            ({"n": 17}, "n"),
            ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools.0.function.name"),
            ({"tool_choice": "any"}, "tool_choice"),
            ({"response_format": {"type": "xml"}}, "response_format"),
            ({"response_format": {"type": "json_schema"}}, "response_format"),
            ({"modalities": ["video"]}, "modalities.0"),
            ({"top_logprobs": 21}, "top_logprobs"),
            ({"logit_bias": {"1": 101}}, "logit_bias.1"),
            ({"temperature": 3}, "temperature"),
            ({"frequency_penalty": 2.5}, "frequency_penalty"),
            ({"presence_penalty": -3}, "presence_penalty"),
            ({"reasoning_effort": 3}, "reasoning_effort"),
            ({"max_tokens": 0}, "max_tokens"),
        ],
    )
    def test_of_what_does_not_fit(self, ada: User, stream: bool, change: dict[str, Any], param: str) -> None:
        error = self.fails(ada, openai.BadRequestError, stream, **change)
        assert (error.code, error.param) == ("validation_failed", param)


class TestAtOnce:
    def test_an_account_has_a_number_of_completions(self, ada: User, bob: User) -> None:
        streams = [
            ada.openai.chat.completions.create(model=MODEL, messages=said("very slow"), stream=True)
            for _ in range(3)
        ]
        with pytest.raises(openai.RateLimitError) as refused:
            ada.openai.chat.completions.create(model=MODEL, messages=said("Hello"))
        assert int(refused.value.response.headers["retry-after"]) >= 1
        assert bob.ask().status_code == 200
        for stream in streams:
            stream.close()
        assert eventually(lambda: ada.ask().status_code == 200)
