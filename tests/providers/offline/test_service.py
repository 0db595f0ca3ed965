"""The offline model as a server: its answers, whole and as a stream, and its refusals."""

import asyncio
import hashlib
import json
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson
import pytest

from echo.providers.offline import service
from echo.providers.offline.connector import OfflineConnector
from echo.providers.offline.service import chunks, whole
from echo.settings.offline import MODELS

INTRODUCTION = "I am Echo's offline model; no real model answers here."
HELLO = [{"role": "user", "content": "Hello"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"const": {"a": 1, "b": 2}}}}]


def asked(path: str = "/v1/chat/completions", body: Any = None) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the bytes that the model answers with, over a connection of its own."""

    async def run() -> tuple[int, dict[str, str], bytes]:
        async with (
            aiohttp.ClientSession(connector=OfflineConnector()) as session,
            session.request("GET" if body is None else "POST", f"http://offline{path}", json=body) as answer,
        ):
            return answer.status, dict(answer.headers), await answer.read()

    return asyncio.run(run())


def body(model: str = "echo", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": HELLO, **more}


class TestServer:
    def test_lists_its_models(self) -> None:
        status, _, content = asked("/v1/models")
        data = [{"id": name, "object": "model", "owned_by": "echo-offline"} for name in MODELS]
        assert (status, json.loads(content)) == (200, {"object": "list", "data": data})

    @pytest.mark.parametrize(
        ("path", "sent", "status", "code", "message"),
        [
            ("/v1/embeddings", {}, 404, "not_found", "The offline model has chat completions only."),
            (
                "/v1/chat/completions",
                {"model": "gpt-4"},
                404,
                "model_not_found",
                "The offline model has no such name.",
            ),
            (
                "/v1/chat/completions",
                {"model": "echo-limit"},
                429,
                "rate_limit_exceeded",
                "The offline model was asked for a limit.",
            ),
        ],
    )
    def test_refuses_in_openais_form(
        self, path: str, sent: Any, status: int, code: str, message: str
    ) -> None:
        found, headers, content = asked(path, sent)
        error = {"message": message, "type": code, "code": code, "param": None}
        assert (found, json.loads(content)) == (status, {"error": error})
        assert headers.get("Retry-After") == ("30" if status == 429 else None)

    def test_answers_as_was_asked_for(self) -> None:
        status, headers, content = asked(body=body())
        assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
        assert json.loads(content) == whole(body())
        status, headers, content = asked(body=body(stream=True))
        assert (status, headers["Content-Type"], headers["Cache-Control"]) == (
            200,
            "text/event-stream",
            "no-cache",
        )
        events = content.split(b"\n\n")
        assert [json.loads(each.removeprefix(b"data: ")) for each in events[:-2]] == list(
            chunks(body(stream=True))
        )
        assert events[-2:] == [b"data: [DONE]", b""]

    def test_breaks_off_after_eight_words(self) -> None:
        received: list[bytes] = []

        async def run() -> None:
            async with (
                aiohttp.ClientSession(connector=OfflineConnector()) as session,
                session.post(
                    "http://offline/v1/chat/completions", json=body("echo-broken", stream=True)
                ) as answer,
            ):
                async for piece in answer.content.iter_any():
                    received.append(piece)

        with pytest.raises(aiohttp.ClientError):
            asyncio.run(run())
        # The first one has the role.
        assert b"".join(received).count(b"data: ") == 9

    @pytest.mark.parametrize(("model", "seconds"), [("echo", 0.005), ("echo-slow", 0.3), ("echo-long", 0.0)])
    def test_pauses_between_words(self, monkeypatch: pytest.MonkeyPatch, model: str, seconds: float) -> None:
        pauses: list[float] = []
        really = asyncio.sleep

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            await really(0)

        monkeypatch.setattr(service, "asyncio", SimpleNamespace(sleep=sleep))
        asked(body=body(model, stream=True, max_tokens=3))
        assert pauses == [seconds] * 5

    def test_may_say_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pauses: list[float] = []
        really = asyncio.sleep

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            await really(0)

        monkeypatch.setattr(service, "asyncio", SimpleNamespace(sleep=sleep))
        asked(body=body("echo-silent"))
        assert pauses == [86_400]


def head(sent: dict[str, Any], kind: str) -> dict[str, Any]:
    told = hashlib.sha256(orjson.dumps(sent, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]
    return {
        "id": f"chatcmpl-offline-{told}",
        "object": kind,
        "created": 0,
        "model": sent["model"],
        "system_fingerprint": "echo-offline",
    }


class TestWhole:
    def answer(self, sent: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        made = whole(sent)
        [choice] = made["choices"]
        assert (choice["index"], choice["logprobs"]) == (0, None)
        assert made == {**head(sent, "chat.completion"), "choices": [choice], "usage": made["usage"]}
        return choice["message"], made["usage"], choice

    def test_has_text_and_tokens(self) -> None:
        message, usage, choice = self.answer(body("echo-reasoning", max_tokens=3))
        assert message == {
            "role": "assistant",
            "content": "I am Echo's ",
            "refusal": None,
            "reasoning_content": (
                "No thought of a real model: I look at what I was told, and then repeat it."
            ),
        }
        assert usage == {
            "prompt_tokens": 1,
            "completion_tokens": 20,
            "total_tokens": 21,
            "completion_tokens_details": {"reasoning_tokens": 17},
        }
        assert choice["finish_reason"] == "length"

    def test_has_calls_or_a_refusal(self) -> None:
        message, _, choice = self.answer(body("echo-tools", tools=TOOLS))
        call = {
            "id": "call_offline_0",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1,"b":2}'},
        }
        assert message == {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
        assert choice["finish_reason"] == "tool_calls"
        message, _, _ = self.answer(body("echo-refusal"))
        assert (message["content"], message["refusal"][:18]) == (None, "I am Echo's offlin")

    def test_has_the_same_id_for_the_same_request_in_any_order(self) -> None:
        assert whole({"model": "echo", "seed": 1})["id"] == whole({"seed": 1, "model": "echo"})["id"]
        assert whole({"model": "echo", "seed": 1})["id"] != whole({"model": "echo", "seed": 2})["id"]


class TestChunks:
    def deltas(self, sent: dict[str, Any]) -> list[dict[str, Any]]:
        made = list(chunks(sent))
        for each in made:
            assert each == {**head(sent, "chat.completion.chunk"), "usage": None, "choices": each["choices"]}
            assert [choice["index"] for choice in each["choices"]] == [0]
        assert all(each["choices"][0]["finish_reason"] is None for each in made[:-1])
        assert made[-1]["choices"][0]["finish_reason"] is not None
        return [each["choices"][0]["delta"] for each in made]

    def test_have_a_word_each(self) -> None:
        first, *words, last = self.deltas(body(max_tokens=3))
        assert (first, last) == ({"role": "assistant", "content": ""}, {})
        assert words == [{"content": "I "}, {"content": "am "}, {"content": "Echo's "}]

    def test_tell_what_is_thought_and_refused_apart(self) -> None:
        _, *words, _ = self.deltas(body("echo-reasoning", max_tokens=1))
        assert [next(iter(each)) for each in words] == ["reasoning_content"] * 17 + ["content"]
        _, *words, _ = self.deltas(body("echo-refusal"))
        assert {next(iter(each)) for each in words} == {"refusal"}

    def test_tell_a_call_piece_by_piece(self) -> None:
        _, first, *pieces, _ = self.deltas(body("echo-tools", tools=TOOLS))
        call = {"id": "call_offline_0", "type": "function", "function": {"name": "f", "arguments": ""}}
        assert first == {"tool_calls": [{**call, "index": 0}]}
        assert pieces == [
            {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
            for piece in ('{"a":1, ', '"b":2}')
        ]

    @pytest.mark.parametrize("options", [None, {}, {"include_usage": False}])
    def test_count_where_that_was_asked_for(self, options: Any) -> None:
        counted = body(stream_options={"include_usage": True})
        *_, last = chunks(counted)
        assert last == {
            **head(counted, "chat.completion.chunk"),
            "choices": [],
            "usage": whole(counted)["usage"],
        }
        assert all(each["choices"] for each in chunks(body(stream_options=options)))
