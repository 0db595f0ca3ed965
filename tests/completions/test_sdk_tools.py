"""OpenAI's own client drives agents and structured answers through `/v1`."""

import json
from typing import Any

import openai
import pydantic
import pytest

from tests.completions.conftest import User, asked
from tests.support.providers import ProviderServer
from tests.support.providers import anthropic as anthropic_support
from tests.support.providers import google as google_support

MODEL = "openAI/gpt-4o"
QUESTION: Any = {"role": "user", "content": "How is it in Kyiv?"}


class GetWeather(pydantic.BaseModel):
    place: str


class GetTime(pydantic.BaseModel):
    pass


class City(pydantic.BaseModel):
    name: str
    people: int


TOOLS = [
    openai.pydantic_function_tool(GetWeather, name="get_weather", description="The weather of a place."),
    openai.pydantic_function_tool(GetTime, name="get_time"),
]


def run(call: Any) -> str:
    """What a tool answers."""
    arguments = json.loads(call.function.arguments)
    return f"sunny in {arguments['place']}" if call.function.name == "get_weather" else "noon"


def answered(message: Any) -> list[Any]:
    """The conversation after the tools have answered, as programs build it."""
    results = [{"role": "tool", "tool_call_id": call.id, "content": run(call)} for call in message.tool_calls]
    return [QUESTION, message, *results]


class TestAgent:
    def test_in_whole_answers(self, ada: User) -> None:
        completions = ada.openai.chat.completions
        first = completions.create(model=MODEL, messages=[QUESTION], tools=TOOLS).choices[0]
        assert (first.finish_reason, first.message.content) == ("tool_calls", None)
        assert [(call.id, call.type) for call in first.message.tool_calls or []] == [
            ("call_a", "function"),
            ("call_b", "function"),
        ]
        last = completions.create(model=MODEL, messages=answered(first.message), tools=TOOLS).choices[0]
        assert (last.finish_reason, last.message.content) == ("stop", "sunny in Kyiv and noon.")

    def test_in_streams(self, ada: User) -> None:
        completions = ada.openai.chat.completions
        with completions.stream(model=MODEL, messages=[QUESTION], tools=TOOLS) as stream:
            kinds = [event.type for event in stream]
            first = stream.get_final_completion().choices[0]
        assert kinds.count("tool_calls.function.arguments.done") == 2
        assert first.finish_reason == "tool_calls"
        calls = first.message.tool_calls or []
        assert [call.function.parsed_arguments for call in calls] == [GetWeather(place="Kyiv"), GetTime()]
        with completions.stream(model=MODEL, messages=answered(first.message), tools=TOOLS) as stream:
            stream.until_done()
            last = stream.get_final_completion().choices[0]
        assert (last.finish_reason, last.message.content) == ("stop", "sunny in Kyiv and noon.")

    def test_pieces_come_as_the_provider_cut_them(self, ada: User) -> None:
        chunks = list(
            ada.openai.chat.completions.create(model=MODEL, messages=[QUESTION], tools=TOOLS, stream=True)
        )
        pieces = [each for chunk in chunks for each in chunk.choices[0].delta.tool_calls or []]
        assert [
            (
                each.index,
                each.id,
                each.function and each.function.name,
                each.function and each.function.arguments,
            )
            for each in pieces
        ] == [
            (0, "call_a", "get_weather", ""),
            (0, None, None, '{"pla'),
            (0, None, None, 'ce": "Ky'),
            (0, None, None, 'iv"}'),
            (1, "call_b", "get_time", ""),
            (1, None, None, "{}"),
        ]

    @pytest.mark.parametrize(
        "choice", ["auto", "none", "required", {"type": "function", "function": {"name": "get_time"}}]
    )
    def test_says_which_tools_as_it_was_told(self, ada: User, provider: ProviderServer, choice: Any) -> None:
        ada.openai.chat.completions.create(
            model=MODEL, messages=[QUESTION], tools=TOOLS, tool_choice=choice, parallel_tool_calls=False
        )
        sent = provider.chats[-1].json
        assert (sent["tool_choice"], sent["parallel_tool_calls"]) == (choice, False)
        assert sent["tools"] == json.loads(json.dumps(TOOLS))

    def test_what_was_cached_and_thought_is_counted_apart(self, ada: User) -> None:
        usage = ada.openai.chat.completions.create(model=MODEL, messages=[QUESTION], tools=TOOLS).usage
        assert usage
        assert usage.prompt_tokens_details
        assert usage.completion_tokens_details
        assert usage.prompt_tokens_details.cached_tokens == 4
        assert usage.completion_tokens_details.reasoning_tokens == 3


class TestAgentElsewhere:
    """The same loop with the providers that speak otherwise; what they sign comes back to them."""

    def loop(self, ada: User, model: str, streamed: bool) -> None:
        completions = ada.openai.chat.completions
        asked: Any = {"model": model, "tools": TOOLS}
        if streamed:
            with completions.stream(messages=[QUESTION], **asked) as stream:
                first = stream.get_final_completion().choices[0]
        else:
            first = completions.create(messages=[QUESTION], **asked).choices[0]
        assert (first.finish_reason, first.message.content or "") == ("tool_calls", "")
        last = completions.create(messages=answered(first.message), **asked).choices[0]
        assert (last.finish_reason, last.message.content) == ("stop", "sunny in Kyiv and noon.")

    @pytest.mark.parametrize("streamed", [False, True])
    def test_anthropic(self, ada: User, others: dict[str, ProviderServer], streamed: bool) -> None:
        self.loop(ada, "anthropic/claude", streamed)
        sent = others["anthropic"].chats[-1].json
        thinking, *uses = sent["messages"][1]["content"]
        assert thinking == {"type": "thinking", "thinking": "Hm.", "signature": anthropic_support.SIGNATURE}
        assert [use["id"] for use in uses] == ["call_a", "call_b"]
        strict = sent["tools"][0]
        assert (strict["strict"], strict["input_schema"]["additionalProperties"]) == (True, False)

    @pytest.mark.usefixtures("own_key")
    @pytest.mark.parametrize("streamed", [False, True])
    def test_google(self, ada: User, others: dict[str, ProviderServer], streamed: bool) -> None:
        self.loop(ada, "google/gemini-3-pro-preview", streamed)
        parts = others["google"].chats[-1].json["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == [google_support.SIGNATURE, None]


class TestStructured:
    @pytest.mark.parametrize("streamed", [False, True])
    def test_is_parsed(self, ada: User, provider: ProviderServer, streamed: bool) -> None:
        messages: Any = [{"role": "user", "content": "a city"}]
        if streamed:
            with ada.openai.chat.completions.stream(
                model=MODEL, messages=messages, response_format=City
            ) as stream:
                completion = stream.get_final_completion()
        else:
            completion = ada.openai.chat.completions.parse(
                model=MODEL, messages=messages, response_format=City
            )
        assert completion.choices[0].message.parsed == City(name="Kyiv", people=3)
        wanted = asked(provider, "a city")[-1].json["response_format"]
        assert (wanted["type"], wanted["json_schema"]["name"]) == ("json_schema", "City")
        assert wanted["json_schema"]["strict"] is True

    def test_a_refusal_is_told_apart(self, ada: User) -> None:
        messages: Any = [{"role": "user", "content": "refused"}]
        message = ada.openai.chat.completions.create(model=MODEL, messages=messages).choices[0].message
        assert (message.content, message.refusal) == (None, "I cannot.")


class TestSeveral:
    def test_answers_and_how_likely_they_were(self, ada: User) -> None:
        asking: Any = {"messages": [QUESTION], "model": MODEL, "n": 2, "logprobs": True, "top_logprobs": 1}
        choices = ada.openai.chat.completions.create(**asking).choices
        with ada.openai.chat.completions.stream(**asking) as stream:
            streamed = stream.get_final_completion().choices
        for found in (choices, streamed):
            assert [(each.index, each.message.content, each.finish_reason) for each in found] == [
                (0, "Hello wörld.", "stop"),
                (1, "Hello wörld.", "stop"),
            ]
            likely = found[1].logprobs
            assert likely
            assert [each.token for each in likely.content or []] == ["Hel", "lo ", "wörld."]


class TestAnySide:
    @pytest.mark.parametrize(
        "messages",
        [
            [{"role": "system", "content": "Greet."}],
            [QUESTION, {"role": "assistant", "content": "Well,"}],
            [{"role": "assistant", "content": "Hi"}, QUESTION],
        ],
    )
    def test_may_begin_and_end(self, ada: User, provider: ProviderServer, messages: Any) -> None:
        completion = ada.openai.chat.completions.create(model=MODEL, messages=messages)
        assert completion.choices[0].message.content == "Hello wörld."
        assert provider.chats[-1].json["messages"] == messages


class TestKept:
    def test_calls_and_results_are_parts_of_the_answer(self, ada: User) -> None:
        completions = ada.openai.chat.completions
        first = completions.create(model=MODEL, messages=[QUESTION], tools=TOOLS).choices[0]
        last: Any = completions.create(model=MODEL, messages=answered(first.message), tools=TOOLS, store=True)
        kept = ada.server.get(f"/chat/api/messages/{last.conversation_id}", ada.token)
        asked_for, answer = kept.json()
        assert (asked_for["text"], answer["parentMessageId"]) == (QUESTION["content"], asked_for["messageId"])
        kinds = [(part["type"], part.get("tool_call", {}).get("output")) for part in answer["content"]]
        assert kinds == [("tool_call", "sunny in Kyiv"), ("tool_call", "noon"), ("text", None)]
