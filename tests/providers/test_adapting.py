"""Servers that refuse what they do not know: the request is sent again without it, and never with it after that."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from echo.errors import ApiError
from echo.providers.naming import named_in
from tests.support.providers import (
    SERVERS,
    Answer,
    Behaviour,
    ProviderServer,
    Received,
    Reply,
    google_server,
    json_answer,
    openai_server,
)
from tests.support.providers.asking import ask, listen, request, settings_of

Refusal = Callable[[list[str]], Answer]
ALL = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 9,
    "stop": ("END",),
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
}


def mistral(names: list[str]) -> Answer:
    """Of pydantic, which repeats what was sent."""
    faults = [
        {
            "type": "extra_forbidden",
            "loc": ["body", name],
            "msg": "Extra inputs are not permitted",
            "input": "'top_p' presence_penalty",
        }
        for name in names
    ]
    return json_answer({"detail": faults}, 422)


def mistral_of_today(names: list[str]) -> Answer:
    body = {"object": "error", "type": "invalid_request_error", "param": None, "code": None}
    return json_answer({**body, "message": {"detail": [{"loc": ["body", name]} for name in names]}}, 422)


def openai_one_by_one(names: list[str]) -> Answer:
    text = f"Unsupported parameter: '{names[0]}' is not supported with this model."
    error = {
        "message": text,
        "type": "invalid_request_error",
        "param": names[0],
        "code": "unsupported_parameter",
    }
    return json_answer({"error": error}, 400)


def vllm(names: list[str]) -> Answer:
    text = str([{"type": "extra_forbidden", "loc": ("body", name)} for name in names])
    return json_answer({"object": "error", "message": text, "type": "BadRequestError", "code": 400}, 400)


def azure(names: list[str]) -> Answer:
    listed = ", ".join(names)
    return json_answer({"error": {"message": f"Unrecognized request argument supplied: {listed}"}}, 400)


def go(names: list[str]) -> Answer:
    return json_answer({"error": f'json: unknown field "{names[0]}"'}, 400)


def plain(names: list[str]) -> Answer:
    content = f"unknown field {names[0]}".encode()
    return Answer([content], 400, {"Content-Type": "text/plain", "Content-Length": str(len(content))})


REFUSALS = [mistral, mistral_of_today, openai_one_by_one, vllm, azure, go, plain]


def strict(*refused: str, say: Refusal = mistral) -> Behaviour:
    """Answers requests that have none of these."""

    def behave(received: Received) -> Reply | Answer:
        sent = {**received.json, **received.json.get("generationConfig", {})}
        found = [name for name in refused if name in sent]
        return say(found) if found else Reply()

    return behave


def twice(server: ProviderServer, kind: str = "custom", *, models: tuple[str, str] = ("m", "m")) -> list[str]:
    """What two chats of one endpoint say."""

    async def use(provider: Any) -> list[str]:
        said = []
        for model in models:
            events = [event async for event in provider.stream(request(model=model, **ALL))]
            said.append("".join(getattr(event, "text", "") for event in events))
        return said

    return ask(settings_of(kind, server.url), use)


class TestRefusedParameter:
    @pytest.mark.parametrize("say", REFUSALS)
    @pytest.mark.parametrize("name", ["stream_options", "stop", "temperature", "presence_penalty"])
    def test_is_left_out_and_stays_so(self, say: Refusal, name: str) -> None:
        with openai_server(strict(name, say=say)) as server:
            assert twice(server) == ["Hello wörld.", "Hello wörld."]
        first, second, third = (received.json for received in server.chats)
        assert name in first
        assert second == {each: value for each, value in first.items() if each != name}
        assert third == second

    @pytest.mark.parametrize("say", REFUSALS)
    def test_is_one_of_several(self, say: Refusal) -> None:
        refused = ("frequency_penalty", "presence_penalty", "stream_options")
        with openai_server(strict(*refused, say=say)) as server:
            assert twice(server) == ["Hello wörld.", "Hello wörld."]
        assert len(server.chats) in (3, 5)
        assert set(server.chats[-1].json) == {
            *("model", "messages", "stream", "temperature", "top_p", "max_tokens", "stop")
        }

    def test_of_every_kind_of_provider(self) -> None:
        names = {"anthropic": "temperature", "google": "frequencyPenalty", "azure": "stream_options"}
        for kind, name in names.items():
            with SERVERS[kind](strict(name, say=go)) as server:
                model = {"azure": "gpt-4o", "anthropic": "claude-3-opus"}.get(kind, "m")
                assert twice(server, kind, models=(model, model)) == ["Hello wörld.", "Hello wörld."], kind
            assert len(server.chats) == 3, kind

    def test_by_googles_other_spelling(self) -> None:
        text = "Invalid JSON payload received. Unknown name \"frequency_penalty\" at 'generation_config'"

        def say(_names: list[str]) -> Answer:
            return json_answer({"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}}, 400)

        with google_server(strict("frequencyPenalty", say=say)) as server:
            assert twice(server, "google") == ["Hello wörld.", "Hello wörld."]
        assert len(server.chats) == 3

    def test_of_the_protocol_is_known_for_every_model(self) -> None:
        with openai_server(strict("stream_options")) as server:
            twice(server, models=("one", "two"))
        assert ["stream_options" in received.json for received in server.chats] == [True, False, False]

    def test_of_one_model_is_sent_to_others(self) -> None:
        def behave(received: Received) -> Reply | Answer:
            thinks = received.json["model"] == "thinker" and "temperature" in received.json
            return openai_one_by_one(["temperature"]) if thinks else Reply()

        with openai_server(behave) as server:
            assert twice(server, models=("thinker", "other")) == ["Hello wörld.", "Hello wörld."]
        assert ["temperature" in received.json for received in server.chats] == [True, False, True]

    def test_is_left_out_of_a_short_answer_too(self) -> None:
        with openai_server(strict("temperature")) as server:
            found = ask(settings_of("custom", server.url), lambda it: it.complete(request(temperature=0.5)))
        assert (found, len(server.chats)) == ("Hello wörld.", 2)

    def test_costs_none_of_the_attempts(self) -> None:
        answers = [json_answer({}, 500), json_answer({}, 500), mistral(["stream_options"]), Reply()]
        with openai_server(*answers) as server:
            assert listen(settings_of("custom", server.url)).text == "Hello wörld."
        assert len(server.chats) == 4


class TestLimitOfTokens:
    @pytest.mark.parametrize(
        ("kind", "refused", "taken"),
        [
            ("openai", "max_completion_tokens", "max_tokens"),
            ("custom", "max_tokens", "max_completion_tokens"),
        ],
    )
    def test_goes_by_its_other_name(self, kind: str, refused: str, taken: str) -> None:
        with openai_server(strict(refused, say=openai_one_by_one)) as server:
            assert twice(server, kind) == ["Hello wörld.", "Hello wörld."]
        assert [received.json.get(taken) for received in server.chats] == [None, 9, 9]

    def test_is_never_left_out(self) -> None:
        with openai_server(strict("max_tokens", "max_completion_tokens")) as server:
            said = listen(settings_of("custom", server.url), request(max_tokens=9))
        assert len(server.chats) == 2
        assert (said.error.status, said.error.code) == (422, "provider_refused")
        assert said.error.message.endswith("with these values: max_completion_tokens.")

    def test_that_is_too_large_is_not_tried_by_another_name(self) -> None:
        text = "max_tokens is too large: 9. This model supports at most 5 completion tokens."
        with openai_server(json_answer({"error": {"message": text, "param": "max_tokens"}}, 400)) as server:
            said = listen(settings_of("custom", server.url), request(max_tokens=9))
        assert (len(server.chats), said.error.code) == (1, "provider_refused")
        assert "max_tokens" in said.error.message


class TestStaysRefused:
    def test_with_the_names_as_the_reason(self) -> None:
        with openai_server(openai_one_by_one(["safe_prompt"])) as server:
            said = listen(settings_of("custom", server.url, add_parameters={"safe_prompt": True}))
        assert len(server.chats) == 1
        assert said.error.message == (
            "The provider does not take these parameters, or not with these values: safe_prompt."
        )

    @pytest.mark.parametrize("name", ["parallel_tool_calls", "store", "temperature"])
    def test_what_the_operator_adds(self, name: str) -> None:
        """`store: false` keeps conversations private: it is not for the provider to say that it goes."""
        with openai_server(strict(name)) as server:
            said = listen(settings_of("custom", server.url, add_parameters={name: False}))
        assert (len(server.chats), said.error.message[-len(name) - 1 :]) == (1, f"{name}.")

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            ({"code": "context_length_exceeded", "param": "messages"}, "too long for the model"),
            ({"code": "context_length_exceeded", "message": "temperature"}, "too long for the model"),
            ({"code": "model_not_found", "param": "model"}, "does not know that model"),
            ({"message": "Stop what you do; the user's store is full."}, "refused the request"),
        ],
    )
    def test_what_is_no_parameter(self, error: dict[str, Any], reason: str) -> None:
        with openai_server(json_answer({"error": error}, 400)) as server:
            said = listen(settings_of("custom", server.url), request(**ALL))
        assert len(server.chats) == 1
        assert reason in said.error.message

    def test_again_and_again_ends(self) -> None:
        names = [*(f"x_{number}" for number in range(9)), "top_p"]
        with openai_server(mistral(["top_p", "temperature", "stop", *names])) as server:
            said = listen(settings_of("custom", server.url), request(**ALL))
        assert (len(server.chats), said.error.code) == (2, "provider_refused")

    def test_once_five_others_have_been_left_out(self) -> None:
        """One for each answer: a server that names yet another one each time is not asked for ever."""
        names = ["temperature", "top_p", "stop", "frequency_penalty", "presence_penalty", "stream_options"]
        with openai_server(strict(*names, say=openai_one_by_one)) as server:
            said = listen(settings_of("custom", server.url), request(**ALL))
        assert [len(received.json.keys() & set(names)) for received in server.chats] == [6, 5, 4, 3, 2, 1]
        assert said.error.message.endswith("with these values: stream_options.")

    def test_is_not_remembered(self) -> None:
        """Only an answer shows that it was what had been left out."""
        with openai_server(mistral(["top_p"]), mistral(["model"]), Reply()) as server:

            async def use(provider: Any) -> None:
                with pytest.raises(ApiError):
                    await anext(provider.stream(request(**ALL)))
                async for _ in provider.stream(request(**ALL)):
                    pass

            ask(settings_of("custom", server.url), use)
        assert ["top_p" in received.json for received in server.chats] == [True, False, True]

    def test_another_status_names_nothing(self) -> None:
        answer = json_answer({"error": {"message": "temperature", "param": "temperature"}}, 404)
        with openai_server(answer) as server:
            listen(settings_of("custom", server.url), request(**ALL))
        assert len(server.chats) == 1


def test_a_wrong_value_is_left_out_once_only() -> None:
    """One user's temperature is no reason not to send the others'."""
    text = "temperature must be less than or equal to 1."
    answers = [json_answer({"error": {"message": text}}, 400), Reply()]
    with openai_server(*answers) as server:
        twice(server)
    assert ["temperature" in received.json for received in server.chats] == [True, False, True]


def test_of_two_that_exclude_each_other_one_stays() -> None:
    text = "`temperature` and `top_p` cannot both be specified for this model."
    with openai_server(json_answer({"error": {"message": text}}, 400), Reply()) as server:
        listen(settings_of("custom", server.url), request(**ALL))
    assert {"temperature", "top_p"} & set(server.chats[1].json) == {"temperature"}


def test_many_at_once_learn_the_same() -> None:
    async def use(provider: Any) -> None:
        async def one() -> None:
            async for _ in provider.stream(request(**ALL)):
                pass

        await asyncio.gather(*(one() for _ in range(10)))

    with openai_server(strict("stream_options")) as server:
        ask(settings_of("custom", server.url), use)
    assert "stream_options" not in server.chats[-1].json


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (None, set()),
        ([], set()),
        (5, set()),
        ({"param": 5, "loc": {"a": "stop"}, "message": None}, set()),
        ({"error": {"param": "stream_options.include_usage"}}, {"stream_options"}),
        ({"errors": [{"field": "stop[0]"}]}, {"stop"}),
        ({"message": "property 'stop' is unsupported"}, {"stop"}),
        ({"message": "stop: Extra inputs are not permitted"}, {"stop"}),
        ({"message": "Please stop. Do not stop; stopping is all."}, set()),
        ({"message": "my_stream_options_x, temperatures"}, set()),
        ({"input": "stream_options", "body": {"message": "stream_options"}}, set()),
        ({"detail": [{"loc": ["body", "stop", 0], "input": "stream_options"}]}, {"stop"}),
        ("unknown field `topP`", {"topP"}),
    ],
)
def test_names_are_found_where_they_are_meant(answer: Any, names: set[str]) -> None:
    known = ("stream_options", "stop", "temperature", "topP")
    assert named_in(answer, known).names == names


def test_a_huge_answer_is_read_in_parts() -> None:
    deep: Any = "stream_options"
    for _ in range(900):
        deep = {"error": [deep] * 2}
    assert named_in(deep, ["stream_options"]).names == set()
