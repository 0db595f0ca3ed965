"""The small servers speak truly: the providers' own clients understand what they say, well and badly."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from anthropic import Anthropic, APIStatusError
from google import genai
from google.genai import types
from google.genai.errors import ClientError, ServerError
from openai import APIError, AzureOpenAI, OpenAI, RateLimitError

from tests.support.providers import (
    Reply,
    anthropic_server,
    azure_server,
    google_server,
    openai_server,
)
from tests.support.providers import anthropic as anthropic_support
from tests.support.providers import openai as openai_support
from tests.support.providers.replies import Called

WEATHER = Called("weather", ('{"pla', 'ce": "Kyïv"}'), "call_a")
CALLING = Reply(
    ["See."], reasoning=["Hm."], calls=(WEATHER, Called("time", id="call_b")), cached=4, thought=2
)
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
REPLY = Reply(["Grüß ", "Gott, ", "世界 😀"], reasoning=["First, ", "greet."], usage=(21, 9))
SAY = [{"role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment sends a client elsewhere."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class TestOpenAI:
    @pytest.fixture
    def client(self) -> Iterator[OpenAI]:
        with (
            openai_server(REPLY) as server,
            OpenAI(api_key="sk", base_url=server.url, max_retries=0) as client,
        ):
            yield client

    def test_answers_in_one_piece(self, client: OpenAI) -> None:
        answer = client.chat.completions.create(model="gpt-4.1", messages=SAY)
        assert answer.choices[0].message.content == REPLY.whole
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.total_tokens == 30

    def test_streams(self, client: OpenAI) -> None:
        stream = client.chat.completions.create(
            model="gpt-4.1", messages=SAY, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        deltas = [chunk.choices[0] for chunk in chunks if chunk.choices]
        assert "".join(choice.delta.content or "" for choice in deltas) == REPLY.whole
        assert deltas[-1].finish_reason == "stop"
        assert chunks[-1].usage.completion_tokens == 9

    def test_lists_models(self, client: OpenAI) -> None:
        assert [model.id for model in client.models.list()] == list(openai_support.MODELS)

    def test_breaks_off_with_an_error(self) -> None:
        with openai_server(Reply(error="server_error")) as server, openai_client(server.url) as client:
            stream = client.chat.completions.create(model="m", messages=SAY, stream=True)
            with pytest.raises(APIError, match="own words"):
                list(stream)

    def test_says_that_its_limit_is_reached(self) -> None:
        answer = openai_support.error_answer("rate_limit_exceeded", Retry_After="7")
        with (
            openai_server(answer) as server,
            openai_client(server.url) as client,
            pytest.raises(RateLimitError) as refused,
        ):
            client.chat.completions.create(model="m", messages=SAY)
        assert refused.value.response.headers["retry-after"] == "7"
        assert refused.value.code == "rate_limit_exceeded"


class TestAzure:
    def test_streams(self) -> None:
        with (
            azure_server(REPLY) as server,
            AzureOpenAI(api_key="k", azure_endpoint=server.url, api_version="2024-10-21") as client,
        ):
            chunks = list(client.chat.completions.create(model="gpt-4o", messages=SAY, stream=True))
        text = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(text) == REPLY.whole


class TestAnthropic:
    @pytest.fixture
    def client(self) -> Iterator[Anthropic]:
        with anthropic_server(REPLY) as server, anthropic_client(server.url) as client:
            yield client

    def test_answers_in_one_piece(self, client: Anthropic) -> None:
        answer = client.messages.create(model="claude-haiku-4-5", max_tokens=99, messages=SAY)
        assert [block.type for block in answer.content] == ["thinking", "text"]
        assert answer.content[1].text == REPLY.whole
        assert (answer.stop_reason, answer.usage.output_tokens) == ("end_turn", 9)

    def test_streams(self, client: Anthropic) -> None:
        with client.messages.stream(model="claude-haiku-4-5", max_tokens=99, messages=SAY) as stream:
            kinds = {event.type for event in stream}
            answer = stream.get_final_message()
        assert {"message_start", "content_block_delta", "message_stop"} <= kinds
        assert answer.content[0].thinking == "First, greet."
        assert answer.content[1].text == REPLY.whole
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (21, 9)

    def test_lists_models(self, client: Anthropic) -> None:
        assert [model.id for model in client.models.list()] == list(anthropic_support.MODELS)

    def test_breaks_off_with_an_error(self) -> None:
        with (
            anthropic_server(Reply(error="overloaded_error")) as server,
            anthropic_client(server.url) as client,
        ):
            stream = client.messages.create(model="m", max_tokens=9, messages=SAY, stream=True)
            with pytest.raises(APIStatusError, match="overloaded_error"):
                list(stream)


class TestAnthropicTools:
    """A loop as the client's users write it: what it says goes back whole, with the results."""

    TOOLS: ClassVar[list[Any]] = [
        {"name": "weather", "input_schema": PLACE},
        {"name": "time", "input_schema": {"type": "object"}},
    ]

    @pytest.mark.parametrize("streamed", [False, True])
    def test_are_called_and_answered(self, streamed: bool) -> None:
        with anthropic_server(CALLING, Reply()) as server, anthropic_client(server.url) as client:
            asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 9, "tools": self.TOOLS}
            if streamed:
                with client.messages.stream(messages=SAY, **asked) as stream:
                    first = stream.get_final_message()
            else:
                first = client.messages.create(messages=SAY, **asked)
            thinking, text, *uses = first.content
            assert (thinking.signature, text.text) == (anthropic_support.SIGNATURE, "See.")
            called = [(use.id, use.name, use.input) for use in uses]
            assert called == [("call_a", "weather", {"place": "Kyïv"}), ("call_b", "time", {})]
            assert (first.stop_reason, first.usage.cache_read_input_tokens) == ("tool_use", 4)
            results = [{"type": "tool_result", "tool_use_id": use.id, "content": "fine"} for use in uses]
            said = [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
            last = client.messages.create(messages=[*SAY, *said], **asked)
        assert last.content[0].text == Reply().whole

    @pytest.mark.parametrize(
        ("said", "sentence"),
        [
            ([{"role": "assistant", "content": [anthropic_support.use(WEATHER)]}], "without `tool_result`"),
            (
                [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}],
                "unexpected `tool_use_id`",
            ),
        ],
    )
    def test_refuse_what_is_no_conversation(self, said: Any, sentence: str) -> None:
        asked: Any = {"model": "m", "max_tokens": 9, "messages": [*SAY, *said, *SAY], "tools": self.TOOLS}
        with (
            anthropic_server() as server,
            anthropic_client(server.url) as client,
            pytest.raises(APIStatusError, match=sentence),
        ):
            client.messages.create(**asked)


class TestGoogleTools:
    @pytest.mark.parametrize("streamed", [False, True])
    def test_are_called_and_answered(self, streamed: bool) -> None:
        declared = [
            types.FunctionDeclaration(name="weather", parameters_json_schema=PLACE),
            types.FunctionDeclaration(name="time"),
        ]
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=declared)])
        with google_server(CALLING, Reply()) as server, google_client(server.url) as client:
            chat = client.chats.create(model="gemini-3-pro-preview", config=config)
            sent = chat.send_message_stream("Hello") if streamed else [chat.send_message("Hello")]
            answers = list(sent)
            parts = [part for answer in answers for part in answer.candidates[0].content.parts]
            calls = [part.function_call for part in parts if part.function_call]
            assert [(call.id, call.name, call.args) for call in calls] == [
                ("call_a", "weather", {"place": "Kyïv"}),
                ("call_b", "time", {}),
            ]
            assert answers[-1].usage_metadata.cached_content_token_count == 4
            results = [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id, name=call.name, response={"output": "fine"}
                    )
                )
                for call in calls
            ]
            assert chat.send_message(results).text == Reply().whole

    def test_refuse_results_that_nobody_waits_for(self) -> None:
        part = types.Part.from_function_response(name="weather", response={"output": "fine"})
        with (
            google_server() as server,
            google_client(server.url) as client,
            pytest.raises(ClientError, match="INVALID_ARGUMENT"),
        ):
            client.models.generate_content(model="gemini-2.5-pro", contents=[part])


class TestGoogle:
    @pytest.fixture
    def client(self) -> Iterator[genai.Client]:
        with google_server(REPLY) as server, google_client(server.url) as client:
            yield client

    def test_answers_in_one_piece(self, client: genai.Client) -> None:
        answer = client.models.generate_content(model="gemini-2.5-pro", contents="Hello")
        assert answer.text == REPLY.whole
        assert answer.candidates[0].finish_reason is types.FinishReason.STOP
        assert answer.usage_metadata.total_token_count == 30

    def test_streams(self, client: genai.Client) -> None:
        chunks = list(client.models.generate_content_stream(model="gemini-2.5-pro", contents="Hello"))
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
        assert "".join(part.text for part in parts if part.thought) == "First, greet."
        assert "".join(part.text for part in parts if not part.thought) == REPLY.whole
        assert chunks[-1].usage_metadata.candidates_token_count == 9

    def test_lists_models(self, client: genai.Client) -> None:
        names = [model.name for model in client.models.list()]
        assert names[:2] == ["models/gemini-2.5-pro", "models/gemini-2.5-flash"]

    def test_breaks_off_with_an_error(self) -> None:
        with (
            google_server(Reply(error="UNAVAILABLE")) as server,
            google_client(server.url) as client,
            pytest.raises(ServerError, match="UNAVAILABLE"),
        ):
            list(client.models.generate_content_stream(model="gemini-2.5-pro", contents="Hello"))

    def test_refuses_a_bad_key(self) -> None:
        with (
            google_server(key="right") as server,
            google_client(server.url) as client,
            pytest.raises(ClientError, match="INVALID_ARGUMENT"),
        ):
            client.models.generate_content(model="gemini-2.5-pro", contents="Hello")


def openai_client(url: str) -> OpenAI:
    return OpenAI(api_key="sk", base_url=url, max_retries=0)


def anthropic_client(url: str) -> Anthropic:
    return Anthropic(api_key="k", base_url=url, max_retries=0)


def google_client(url: str) -> genai.Client:
    return genai.Client(api_key="g", http_options=types.HttpOptions(base_url=url))
