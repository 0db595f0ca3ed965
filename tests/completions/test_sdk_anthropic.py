"""Anthropic's own client drives models of every dialect through `/v1/messages`."""

from pathlib import Path
from typing import Any

import anthropic
import httpx
import pydantic
import pytest
import requests

from echo.testing.events import sent
from tests.completions.conftest import User, asked
from tests.support.event_streams import events_of
from tests.support.providers import ProviderServer
from tests.support.providers import anthropic as anthropic_support
from tests.support.providers import google as google_support
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
MODEL = "openAI/gpt-4o"
QUESTION: Any = {"role": "user", "content": "How is it in Kyiv?"}
TOOLS: Any = [
    {
        "name": "get_weather",
        "description": "The weather of a place.",
        "input_schema": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
        "cache_control": {"type": "ephemeral"},
    },
    {"name": "get_time", "input_schema": {"type": "object", "properties": {}}},
]


class City(pydantic.BaseModel):
    name: str
    people: int


def hello(text: str = "Hello") -> Any:
    return [{"role": "user", "content": text}]


def ask(user: User, text: str = "Hello", **fields: Any) -> Any:
    return user.anthropic.messages.create(
        **{"model": MODEL, "max_tokens": 2048, "messages": hello(text), **fields}
    )


def run(call: Any) -> str:
    """What a tool answers."""
    return f"sunny in {call.input['place']}" if call.name == "get_weather" else "noon"


def answered(message: Any) -> list[Any]:
    """The conversation after the tools have answered, as programs build it."""
    calls = [block for block in message.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": run(call)} for call in calls]
    return [QUESTION, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]


@pytest.fixture
def own_key(ada: User) -> None:
    """Google is for those who bring a key."""
    body = {"name": "google", "value": '{"GOOGLE_API_KEY": "g"}'}
    headers = {"Authorization": f"Bearer {ada.token}"}
    assert httpx.put(f"{ada.server.url}/api/keys", json=body, headers=headers).status_code == 201


class TestMessages:
    def test_whole(self, ada: User, provider: ProviderServer) -> None:
        message = ask(
            ada,
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            stop_sequences=["END"],
            # The newest clients name it no more.
            extra_body={"temperature": 0.5},
            metadata={"user_id": "u"},
        )
        assert [(block.type, block.text) for block in message.content] == [("text", "Hello wörld.")]
        assert (message.role, message.model, message.stop_reason) == ("assistant", MODEL, "end_turn")
        assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 7)
        assert message._request_id
        asked_for = provider.chats[-1].json
        assert asked_for["messages"] == [{"role": "system", "content": "Be brief."}, *hello()]
        assert (asked_for["stop"], asked_for["temperature"]) == (["END"], 0.5)

    def test_streamed(self, ada: User) -> None:
        with ada.anthropic.messages.stream(model=MODEL, max_tokens=100, messages=hello("thinks")) as stream:
            assert "".join(stream.text_stream) == "It is."
            message = stream.get_final_message()
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 7)

    def test_every_event_is_one_of_the_contract(self, ada: User) -> None:
        body = {"model": MODEL, "max_tokens": 100, "messages": hello("thinks"), "stream": True}
        answer = requests.post(
            f"{ada.server.url}/v1/messages",
            json=body,
            headers={"x-api-key": ada.api_key, "anthropic-version": "2023-06-01"},
            timeout=PATIENCE,
        )
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
        checker = events_of("create_anthropic_message")
        told = [checker.check(name, data)["type"] for name, data in sent(answer.text.split("\n"))]
        block = ["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"]
        assert told == ["message_start", *block, *block, "message_delta", "message_stop"]

    def test_the_client_of_what_is_new_works_as_well(self, ada: User) -> None:
        message = ada.anthropic.beta.messages.create(
            model=MODEL, max_tokens=100, messages=hello(), betas=["context-management-2025-06-27"]
        )
        assert message.stop_reason == "end_turn"

    def test_a_name_of_anthropics_alone_is_anthropics(self, ada: User) -> None:
        assert ask(ada, model="claude").content[0].text == "Claude."

    def test_an_answer_that_is_cut_off(self, ada: User) -> None:
        assert ask(ada, "cut off").stop_reason == "max_tokens"

    def test_a_form(self, ada: User, provider: ProviderServer) -> None:
        message = ada.anthropic.messages.parse(
            model=MODEL, max_tokens=100, messages=hello("a city"), output_format=City
        )
        assert message.parsed_output == City(name="Kyiv", people=3)
        wanted = asked(provider, "a city")[-1].json["response_format"]["json_schema"]
        assert (wanted["name"], wanted["strict"]) == ("answer", True)

    def test_the_example_of_the_docs_runs(self, ada: User, capsys: pytest.CaptureFixture[str]) -> None:
        section = (ROOT / "docs" / "v1.md").read_text(encoding="utf-8").partition("## POST /v1/messages")[2]
        example = section.partition("```python\n")[2].partition("```")[0]
        example = example.replace("http://127.0.0.1:3080", ada.server.url).replace("sk-...", ada.api_key)
        names: dict[str, Any] = {}
        exec(example, names)
        names["client"].close()
        assert capsys.readouterr().out == "Hello wörld.\n"


class TestAgent:
    def loop(self, ada: User, model: str, streamed: bool) -> Any:
        given: Any = {"model": model, "max_tokens": 4096, "tools": TOOLS}
        messages = ada.anthropic.messages
        if streamed:
            with messages.stream(messages=[QUESTION], **given) as stream:
                first = stream.get_final_message()
        else:
            first = messages.create(messages=[QUESTION], **given)
        calls = [block for block in first.content if block.type == "tool_use"]
        assert first.stop_reason == "tool_use"
        assert [(call.name, call.input) for call in calls] == [
            ("get_weather", {"place": "Kyiv"}),
            ("get_time", {}),
        ]
        last = messages.create(messages=answered(first), **given)
        assert (last.stop_reason, last.content[0].text) == ("end_turn", "sunny in Kyiv and noon.")
        return first

    @pytest.mark.parametrize("streamed", [False, True])
    def test_openai(self, ada: User, streamed: bool) -> None:
        usage = self.loop(ada, MODEL, streamed).usage
        assert (usage.input_tokens, usage.cache_read_input_tokens) == (7, 4)
        assert usage.output_tokens_details.thinking_tokens == 3

    @pytest.mark.parametrize("streamed", [False, True])
    def test_anthropic(self, ada: User, others: dict[str, ProviderServer], streamed: bool) -> None:
        first = self.loop(ada, "anthropic/claude", streamed)
        assert [block.type for block in first.content] == ["thinking", "tool_use", "tool_use"]
        thinking, *uses = others["anthropic"].chats[-1].json["messages"][1]["content"]
        assert thinking == {"type": "thinking", "thinking": "Hm.", "signature": anthropic_support.SIGNATURE}
        assert [use["id"] for use in uses] == ["call_a", "call_b"]

    @pytest.mark.usefixtures("own_key")
    @pytest.mark.parametrize("streamed", [False, True])
    def test_google(self, ada: User, others: dict[str, ProviderServer], streamed: bool) -> None:
        self.loop(ada, "google/gemini-3-pro-preview", streamed)
        parts = others["google"].chats[-1].json["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == [google_support.SIGNATURE, None]

    def test_runs_by_itself(self, ada: User) -> None:
        """The client's own loop over tools."""

        @anthropic.beta_tool
        def get_weather(place: str) -> str:
            """The weather of a place."""
            return f"sunny in {place}"

        @anthropic.beta_tool
        def get_time() -> str:
            """What time it is."""
            return "noon"

        runner = ada.anthropic.beta.messages.tool_runner(
            model=MODEL, max_tokens=1000, tools=[get_weather, get_time], messages=[QUESTION]
        )
        last: Any = runner.until_done().content[0]
        assert last.text == "sunny in Kyiv and noon."


class TestThinking:
    def test_is_anthropics_at_anthropic(self, ada: User, others: dict[str, ProviderServer]) -> None:
        ask(ada, model="anthropic/claude", thinking={"type": "disabled"})
        assert others["anthropic"].chats[-1].json["thinking"] == {"type": "disabled"}
        ask(ada, model="anthropic/claude", thinking={"type": "adaptive"}, output_config={"effort": "low"})
        sent_on = others["anthropic"].chats[-1].json
        assert (sent_on["thinking"]["type"], sent_on["output_config"]) == ("adaptive", {"effort": "low"})


class TestCounting:
    def test_anthropic_counts_for_its_models(self, ada: User) -> None:
        count = ada.anthropic.messages.count_tokens(
            model="anthropic/claude", messages=[QUESTION], tools=TOOLS, system="Be brief."
        )
        assert count.input_tokens == anthropic_support.COUNTED

    def test_echo_counts_for_others(self, ada: User) -> None:
        def count(**fields: Any) -> int:
            return ada.anthropic.messages.count_tokens(
                **{"model": MODEL, "messages": [QUESTION], **fields}
            ).input_tokens

        assert 6 <= count() < 20
        assert count(system="Be brief.") > count()
        assert count(tools=TOOLS) > count() + 20


class TestErrors:
    def failed(self, user: User, kind: type[anthropic.APIStatusError], **fields: Any) -> tuple[str, str]:
        with pytest.raises(kind) as caught:
            ask(user, **fields)
        body: Any = caught.value.body
        assert (body["type"], body["request_id"]) == ("error", caught.value.request_id)
        assert body["message"]
        return body["error"]["type"], body["error"]["code"]

    def test_are_anthropics(self, ada: User) -> None:
        failed = self.failed
        assert failed(ada, anthropic.NotFoundError, model="openAI/gone") == (
            "not_found_error",
            "model_not_found",
        )
        assert failed(ada, anthropic.BadRequestError, max_tokens=0) == (
            "invalid_request_error",
            "validation_failed",
        )
        assert failed(ada, anthropic.RateLimitError, text="limited") == (
            "rate_limit_error",
            "provider_limited",
        )
        assert failed(ada, anthropic.InternalServerError, text="broken") == ("api_error", "provider_failed")

    def test_of_a_wrong_key(self, ada: User) -> None:
        with (
            anthropic.Anthropic(base_url=ada.server.url, api_key="sk-wrong", max_retries=0) as stranger,
            pytest.raises(anthropic.AuthenticationError) as caught,
        ):
            stranger.messages.create(model=MODEL, max_tokens=5, messages=hello())
        body: Any = caught.value.body
        assert body["error"]["type"] == "authentication_error"

    @pytest.mark.parametrize(
        "fields",
        [
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"extra_body": {"mcp_servers": [{"type": "url", "url": "https://mcp.example", "name": "m"}]}},
        ],
    )
    def test_what_anthropic_runs_is_refused(self, ada: User, fields: Any) -> None:
        assert self.failed(ada, anthropic.UnprocessableEntityError, **fields) == (
            "invalid_request_error",
            "unsupported_parameter",
        )

    def test_in_a_stream(self, ada: User) -> None:
        with (
            pytest.raises(anthropic.APIStatusError) as caught,
            ada.anthropic.messages.stream(model=MODEL, max_tokens=5, messages=hello("dies")) as stream,
        ):
            stream.until_done()
        body: Any = caught.value.body
        assert body["error"] == {
            "type": "api_error",
            "message": "The provider did not give a usable answer.",
            "code": "provider_failed",
        }
