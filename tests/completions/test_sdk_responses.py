"""OpenAI's own client drives the Responses API of `/v1`, over several providers."""

import json
from typing import Any

import openai
import pytest
import requests

from tests.completions.conftest import User, asked
from tests.completions.test_sdk_tools import City, GetTime, GetWeather
from tests.support.event_streams import events_of
from tests.support.providers import ProviderServer
from tests.support.providers import anthropic as anthropic_support
from tests.support.providers import google as google_support
from tests.support.waiting import PATIENCE

MODEL = "openAI/gpt-4o"
QUESTION = "How is it in Kyiv?"
TOOLS: Any = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": GetWeather.model_json_schema(),
        "strict": False,
    },
    {"type": "function", "name": "get_time", "parameters": GetTime.model_json_schema()},
]


def create(user: User, streamed: bool, **asking: Any) -> Any:
    """A response; of a stream the last one, once every event has been held against the document."""
    if not streamed:
        return user.openai.responses.create(**asking)
    checker = events_of("create_response")
    with user.openai.responses.with_streaming_response.create(**asking, stream=True) as raw:
        lines = list(raw.iter_lines())
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    for name, event in zip(names, events, strict=True):
        checker.check(name, json.dumps(event))
        assert event["type"] == name
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    with user.openai.responses.stream(**asking) as stream:
        # Its own `get_final_response` knows none that is incomplete.
        final: Any = list(stream)[-1].response  # type: ignore[union-attr]
    assert final.output_text == "".join(
        part["text"]
        for item in events[-1]["response"]["output"]
        for part in item.get("content", [])
        if part["type"] == "output_text"
    )
    return final


def run(call: Any) -> dict[str, str]:
    """What a tool answers."""
    output = "noon"
    if call.name == "get_weather":
        output = f"sunny in {json.loads(call.arguments)['place']}"
    return {"type": "function_call_output", "call_id": call.call_id, "output": output}


def results(response: Any) -> list[Any]:
    return [run(item) for item in response.output if item.type == "function_call"]


class TestText:
    @pytest.mark.parametrize("streamed", [False, True])
    def test_is_answered(self, ada: User, provider: ProviderServer, streamed: bool) -> None:
        response = create(
            ada, streamed, model=MODEL, input="Hello", instructions="Be brief.", metadata={"a": "b"}
        )
        assert (response.status, response.output_text) == ("completed", "Hello wörld.")
        assert (response.model, response.metadata) == (MODEL, {"a": "b"})
        assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
        assert asked(provider, "Hello")[-1].json["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ]

    @pytest.mark.parametrize(
        ("said", "reason"), [("cut off", "max_output_tokens"), ("filtered", "content_filter")]
    )
    def test_may_be_incomplete(self, ada: User, said: str, reason: str) -> None:
        response: Any = create(ada, True, model=MODEL, input=said)
        assert (response.status, response.incomplete_details.reason) == ("incomplete", reason)
        assert response.output[0].status == "incomplete"

    def test_a_refusal_is_a_part_of_its_own(self, ada: User) -> None:
        response: Any = create(ada, True, model=MODEL, input="refused")
        [part] = response.output[0].content
        assert (part.type, part.refusal) == ("refusal", "I cannot.")

    @pytest.mark.parametrize("streamed", [False, True])
    @pytest.mark.parametrize("summary", [None, "auto"])
    def test_reasoning_comes_before(self, ada: User, streamed: bool, summary: Any) -> None:
        response = create(ada, streamed, model=MODEL, input="thinks", reasoning={"summary": summary})
        thought, said = response.output
        shown = thought.summary if summary else thought.content
        assert [part.text for part in shown] == ["Let me see."]
        assert (said.type, response.output_text) == ("message", "It is.")

    def test_is_parsed(self, ada: User, provider: ProviderServer) -> None:
        response = ada.openai.responses.parse(model=MODEL, input="a city", text_format=City)
        assert response.output_parsed == City(name="Kyiv", people=3)
        assert asked(provider, "a city")[-1].json["response_format"]["json_schema"]["name"] == "City"

    def test_what_fails_before_has_a_status_of_its_own(self, ada: User) -> None:
        with pytest.raises(openai.RateLimitError) as caught:
            ada.openai.responses.create(model=MODEL, input="limited")
        assert caught.value.response.headers["Retry-After"] == "7"

    def test_what_fails_in_between_fails_the_response(self, ada: User) -> None:
        with ada.openai.responses.stream(model=MODEL, input="dies") as stream:
            last = list(stream)[-1]
        assert last.type == "response.failed"
        assert last.response.error
        assert (last.response.status, last.response.error.code) == ("failed", "server_error")


@pytest.mark.parametrize("streamed", [False, True])
class TestAgent:
    def loop(self, ada: User, model: str, streamed: bool, *, by_items: bool) -> Any:
        """Both tools are called, and what they answered is told; the first response, and the last."""
        first = create(ada, streamed, model=model, input=QUESTION, tools=TOOLS)
        calls = [item for item in first.output if item.type == "function_call"]
        assert [(call.name, call.call_id, call.status) for call in calls][:2] == [
            ("get_weather", calls[0].call_id, "completed"),
            ("get_time", calls[1].call_id, "completed"),
        ]
        given: Any = results(first)
        if by_items:
            output = [item.model_dump(exclude_unset=True) for item in first.output]
            given = [{"role": "user", "content": QUESTION}, *output, *given]
        going_on = {} if by_items else {"previous_response_id": first.id}
        last = create(ada, streamed, model=model, input=given, tools=TOOLS, **going_on)
        assert (last.status, last.output_text) == ("completed", "sunny in Kyiv and noon.")
        return last

    @pytest.mark.parametrize("by_items", [False, True])
    def test_openai(self, ada: User, provider: ProviderServer, streamed: bool, by_items: bool) -> None:
        self.loop(ada, MODEL, streamed, by_items=by_items)
        [_, called, *answers] = provider.chats[-1].json["messages"]
        assert [call["id"] for call in called["tool_calls"]] == ["call_a", "call_b"]
        assert [answer["tool_call_id"] for answer in answers] == ["call_a", "call_b"]

    @pytest.mark.parametrize("by_items", [False, True])
    def test_anthropic(
        self, ada: User, others: dict[str, ProviderServer], streamed: bool, by_items: bool
    ) -> None:
        self.loop(ada, "anthropic/claude", streamed, by_items=by_items)
        thinking, *uses = others["anthropic"].chats[-1].json["messages"][1]["content"]
        assert thinking == {"type": "thinking", "thinking": "Hm.", "signature": anthropic_support.SIGNATURE}
        assert [use["id"] for use in uses] == ["call_a", "call_b"]

    @pytest.mark.parametrize("by_items", [False, True])
    @pytest.mark.usefixtures("own_key")
    def test_google(
        self, ada: User, others: dict[str, ProviderServer], streamed: bool, by_items: bool
    ) -> None:
        self.loop(ada, "google/gemini-3-pro-preview", streamed, by_items=by_items)
        parts = others["google"].chats[-1].json["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == [google_support.SIGNATURE, None]


class TestKept:
    def test_goes_on_from_what_was_said(self, ada: User, provider: ProviderServer) -> None:
        responses = ada.openai.responses
        first = responses.create(
            model=MODEL, input=[{"role": "developer", "content": "Greet."}], instructions="A"
        )
        second = responses.create(model=MODEL, input="Again", previous_response_id=first.id, instructions="B")
        third = responses.create(model=MODEL, input="Once more", previous_response_id=second.id)
        answer = {"role": "assistant", "content": "Hello wörld."}
        assert asked(provider, "Once more")[-1].json["messages"] == [
            {"role": "system", "content": "Greet."},
            answer,
            {"role": "user", "content": "Again"},
            answer,
            {"role": "user", "content": "Once more"},
        ]
        assert third.previous_response_id == second.id
        assert ada.conversations() == []

    @pytest.mark.parametrize(("truncation", "sent"), [("auto", 1), ("disabled", 3)])
    def test_what_is_too_long_is_left_out_if_that_is_asked_for(
        self, ada: User, provider: ProviderServer, truncation: Any, sent: int
    ) -> None:
        asking: Any = {"model": "openAI/shared/model"}
        first = ada.openai.responses.create(input="word " * 32_000, **asking)
        ada.openai.responses.create(
            input="Shorter", previous_response_id=first.id, truncation=truncation, **asking
        )
        assert len(asked(provider, "Shorter")[-1].json["messages"]) == sent

    def test_cannot_go_on_where_one_before_is_gone(self, ada: User) -> None:
        responses = ada.openai.responses
        first = responses.create(model=MODEL, input="Hello")
        second = responses.create(model=MODEL, input="Hello", previous_response_id=first.id)
        responses.delete(first.id)
        assert responses.retrieve(second.id).id == second.id
        with pytest.raises(openai.NotFoundError):
            responses.create(model=MODEL, input="Hello", previous_response_id=second.id)

    def test_what_it_answered_is_listed_in_pages(self, ada: User) -> None:
        said: Any = [{"role": "user", "content": str(number)} for number in range(3)]
        made = ada.openai.responses.create(model=MODEL, input=said)
        items = ada.openai.responses.input_items.list(made.id, limit=2, order="asc")
        assert [item.content for item in items] == ["0", "1", "2"]  # type: ignore[union-attr]
        [newest] = ada.openai.responses.input_items.list(made.id, limit=1).data
        assert newest.content == "2"  # type: ignore[union-attr]

    def test_can_be_had_again_and_deleted(self, ada: User, bob: User) -> None:
        responses = ada.openai.responses
        made = responses.create(model=MODEL, input="Hello")
        assert responses.retrieve(made.id) == made
        [item] = responses.input_items.list(made.id).data
        assert item.content[0].text == "Hello"  # type: ignore[union-attr]
        for call in (bob.openai.responses.retrieve, bob.openai.responses.delete):
            with pytest.raises(openai.NotFoundError):
                call(made.id)
        with pytest.raises(openai.NotFoundError):
            bob.openai.responses.create(model=MODEL, input="Hello", previous_response_id=made.id)
        responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            responses.retrieve(made.id)

    def test_nothing_is_without_store(self, ada: User) -> None:
        made = ada.openai.responses.create(model=MODEL, input="Hello", store=False)
        assert made.store is False  # type: ignore[attr-defined]
        with pytest.raises(openai.NotFoundError):
            ada.openai.responses.retrieve(made.id)

    def test_with_store_it_is_a_conversation(self, ada: User) -> None:
        responses = ada.openai.responses
        asking: Any = {"model": MODEL, "tools": TOOLS, "store": True}
        first = responses.create(input=QUESTION, **asking)
        going_on: Any = {"previous_response_id": first.id, **asking}
        last = responses.create(input=results(first), **going_on)
        beside = responses.create(input=results(first), **going_on)
        assert last.conversation
        assert first.conversation == last.conversation == beside.conversation
        path = f"/chat/api/messages/{last.conversation.id}"
        question, answer, other = ada.server.get(path, ada.token).json()
        assert (question["text"], answer["parentMessageId"]) == (QUESTION, question["messageId"])
        kinds = [(part["type"], part.get("tool_call", {}).get("output")) for part in answer["content"]]
        assert kinds == [("tool_call", "sunny in Kyiv"), ("tool_call", "noon"), ("text", None)]
        assert other["parentMessageId"] == answer["messageId"]
        # They go with the conversation.
        url = f"{ada.server.url}/api/convos/{last.conversation.id}"
        headers = {"Authorization": f"Bearer {ada.token}"}
        assert requests.delete(url, headers=headers, timeout=PATIENCE).ok
        with pytest.raises(openai.NotFoundError):
            responses.retrieve(last.id)


class TestRefused:
    @pytest.mark.parametrize(
        ("asking", "param"),
        [
            ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
            ({"tools": [{"type": "custom", "name": "c"}]}, "tools.0.type"),
            ({"conversation": "conv_1"}, "conversation"),
            ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0.type"),
            ({"input": []}, "input"),
        ],
    )
    def test_what_would_mean_something_else(self, ada: User, asking: Any, param: str) -> None:
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            ada.openai.responses.create(**{"model": MODEL, "input": "Hello", **asking})
        assert caught.value.param == param
