"""What is said in a recording while it is written down: the events of a provider, and those that a client gets."""

import asyncio
import io
import json
from typing import Any

import pytest

from echo.errors import ApiError
from echo.providers import dictation as module
from echo.providers.audio import RecordingRequest
from echo.providers.dictation import dictated, dictation
from echo.providers.failures import ProviderFailure
from echo.providers.forms import FormFile
from echo.providers.operations import Wanted
from echo.providers.registry import build_providers
from tests.support.providers import openai_server
from tests.support.providers.asking import LIMITS, settings_of
from tests.support.providers.errands import parts

EVENTS = "text/event-stream"
USAGE = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59}


class Pieces:
    """A body of these pieces."""

    def __init__(self, *pieces: bytes, content_type: str = EVENTS) -> None:
        self._pieces = list(pieces)
        self.content_type = content_type

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def event(kind: Any, **fields: Any) -> bytes:
    return f"data: {json.dumps({'type': kind, **fields})}\n\n".encode()


def delta(text: Any) -> bytes:
    return event("transcript.text.delta", delta=text)


END = event("transcript.text.done", text="Hello")
HELLO = {"type": "transcript.text.done", "text": "Hello"}


def read(*pieces: bytes, content_type: str = EVENTS) -> list[Any]:
    async def run() -> list[Any]:
        body: Any = Pieces(*pieces, content_type=content_type)
        return [made async for made in dictated(body)]

    return asyncio.run(run())


def failure(*pieces: bytes, content_type: str = EVENTS) -> tuple[str, bool]:
    with pytest.raises(ProviderFailure) as failed:
        read(*pieces, content_type=content_type)
    return failed.value.kind, failed.value.transient


class TestEvents:
    def test_are_passed_on_up_to_the_last(self) -> None:
        end = event("transcript.text.done", text="Hello", usage={**USAGE, "other": 1}, logprobs=[])
        assert read(delta("Hel") + delta("lo"), end + delta("more")) == [
            {"type": "transcript.text.delta", "delta": "Hel"},
            {"type": "transcript.text.delta", "delta": "lo"},
            {**HELLO, "usage": USAGE},
        ]

    def test_of_other_kinds_are_passed_over(self) -> None:
        others = event("transcript.text.segment", text="x") + event(7) + b"data: {}\n\ndata: [DONE]\n\n"
        assert read(others, END) == read(others + END) == [HELLO]

    def test_hold_only_what_is_of_its_kind(self) -> None:
        assert read(delta(7) + delta("\ud83d"), END) == [
            {"type": "transcript.text.delta", "delta": ""},
            {"type": "transcript.text.delta", "delta": "\ufffd"},
            HELLO,
        ]
        for usage, told in (
            ({**USAGE, "type": "duration"}, {}),
            ({**USAGE, "input_tokens": "14"}, {"usage": {**USAGE, "input_tokens": 0}}),
            ("tokens", {}),
        ):
            assert read(event("transcript.text.done", text="Hello", usage=usage)) == [{**HELLO, **told}]

    def test_that_tell_an_error_are_one(self) -> None:
        limited = event("error", error={"code": "rate_limit_exceeded", "message": "Slow down."})
        with pytest.raises(ProviderFailure) as failed:
            read(limited, END)
        assert (failed.value.kind, failed.value.error.status) == ("rate_limit_exceeded", 429)

    def test_that_end_early_are_a_failure_that_may_pass(self) -> None:
        assert failure(delta("Hel"), b"data: [DONE]\n\n") == ("early_end", True)
        assert failure() == ("early_end", True)


class TestOnePiece:
    def test_is_the_last_event_alone(self) -> None:
        body = json.dumps({"text": "Hello", "odd": 1, "language": "english"}).encode()
        assert read(body[:7], body[7:], content_type="application/json") == [{**HELLO, "language": "english"}]

    def test_that_is_none_is_a_failure(self) -> None:
        assert failure(b"nonsense", content_type="application/json") == ("no_json", False)
        assert failure(b"{}", content_type="application/json") == ("no_text", False)


class TestSize:
    def test_is_limited_to_the_byte(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_TRANSCRIPT_BYTES", len(END))
        assert read(END[:9], END[9:]) == [HELLO]
        assert failure(b"\n", END) == ("too_large", False)
        whole = b'{"text": "Hello"}'
        monkeypatch.setattr(module, "MAX_TRANSCRIPT_BYTES", len(whole))
        assert read(whole[:9], whole[9:], content_type="application/json") == [HELLO]
        assert failure(whole, b" ", content_type="application/json") == ("too_large", False)

    def test_of_a_line_is_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_TRANSCRIPT_BYTES", 16 * 1024**2)
        assert failure(b"data: " + b"x" * 9 * 1024**2) == ("too_large", False)


class TestAsking:
    def request(self, model: str = "m") -> RecordingRequest:
        file = FormFile("file", "audio.wav", "audio/wav", io.BytesIO(b"sound"), 5)
        return RecordingRequest(Wanted(model), file)

    def test_is_for_a_stream(self) -> None:
        async def run() -> list[Any]:
            settings = settings_of("openai", server.url)
            providers = build_providers([settings], LIMITS)
            try:
                flow = dictation(settings, self.request())
                assert (flow.name, flow.model) == ("dictation", "m")
                return [made async for made in providers["openai"].pour(flow)]
            finally:
                await providers.close()

        with openai_server() as server:
            made = asyncio.run(run())
        assert {"stream": b"true"}.items() <= {
            name: said for name, _, said in parts(server.requests[0])
        }.items()
        assert "".join(each["delta"] for each in made[:-1]) == made[-1]["text"]

    def test_is_not_everybodys(self) -> None:
        with pytest.raises(ApiError) as refused:
            dictation(settings_of("google", "http://127.0.0.1:1"), self.request())
        assert refused.value.code == "not_offered"
