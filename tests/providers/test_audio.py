"""Speech both ways: what each kind of provider is asked, and what becomes of its answers."""

import asyncio
import io
import json
from typing import Any

import pytest

from echo.errors import ApiError
from echo.providers import audio as module
from echo.providers import errands
from echo.providers.audio import RecordingRequest, SpeechRequest, media_type_of, recording_errand, speech_flow
from echo.providers.errands import Endpoint, Sound
from echo.providers.failures import ProviderFailure
from echo.providers.forms import FormFile
from echo.providers.operations import Wanted
from echo.providers.provider import Access
from echo.providers.registry import build_providers
from echo.settings import AzureDeployment, ProviderSettings
from tests.support.providers import CUT, SERVERS, Answer, ProviderServer, json_answer
from tests.support.providers.asking import LIMITS, settings_of
from tests.support.providers.errands import parts
from tests.support.providers.server import Received, serving

KINDS = pytest.mark.parametrize("kind", ["openai", "custom", "azure"])


def of(kind: str, server: ProviderServer, **more: Any) -> ProviderSettings:
    base = f"{server.url}/openai/deployments/gpt-4o"
    azure = {"deployments": {"m": AzureDeployment(base, "2024-10-21", "az")}} if kind == "azure" else {}
    return settings_of(kind, server.url, **azure, **more)


def speak(settings: ProviderSettings, **more: Any) -> list[Sound]:
    async def run() -> list[Sound]:
        providers = build_providers([settings], LIMITS)
        endpoint: Endpoint = providers[settings.name]
        request = SpeechRequest(**{"wanted": Wanted("m"), "text": "Hello", "voice": "alloy", **more})
        try:
            return [sound async for sound in endpoint.pour(speech_flow(settings, request))]
        finally:
            await providers.close()

    return asyncio.run(run())


def hear(settings: ProviderSettings, content: bytes = b"sound", **more: Any) -> Any:
    stream = io.BytesIO(content)

    async def run() -> Any:
        providers = build_providers([settings], LIMITS)
        file = FormFile("file", "audio.wav", "application/octet-stream", stream, len(content))
        try:
            errand = recording_errand(settings, RecordingRequest(Wanted("m"), file, **more))
            return await providers[settings.name].ask(errand)
        finally:
            await providers.close()

    found = asyncio.run(run())
    # It is the client's, and is closed with the client's request.
    assert not stream.closed
    return found


class TestSpeech:
    @KINDS
    def test_comes_in_pieces(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            sounds = speak(of(kind, server), speed=1.5, instructions="Kindly.")
        assert {sound.media_type for sound in sounds} == {"audio/mpeg"}
        assert b"".join(sound.content for sound in sounds).endswith(b"Hello")
        assert server.requests[0].json == {
            "model": "m",
            "input": "Hello",
            "voice": "alloy",
            "response_format": "mp3",
            "speed": 1.5,
            "instructions": "Kindly.",
        }

    @pytest.mark.parametrize(
        ("said", "asked", "told"),
        [
            ("audio/mpeg", "mp3", "audio/mpeg"),
            ("audio/mp3", "mp3", "audio/mpeg"),
            ("audio/x-wav", "mp3", "audio/wav"),
            ("application/octet-stream", "opus", "audio/ogg"),
            ("audio/L16", "pcm", "audio/pcm"),
            ("audio/evil", "wav", "audio/wav"),
        ],
    )
    def test_is_called_what_it_is(self, said: str, asked: str, told: str) -> None:
        assert media_type_of(said, asked) == told

    @pytest.mark.parametrize(
        "answer",
        [
            json_answer({"audio": "x"}),
            Answer([b"<html>"], 200, {"Content-Type": "text/html"}),
            Answer([], 200, {"Content-Type": "audio/mpeg"}),
            Answer([], 302, {"Location": "/v1/audio/other", "Content-Length": "0"}),
            Answer([b"a", CUT], 200, {"Content-Type": "audio/mpeg"}),
        ],
        ids=["json", "html", "empty", "redirect", "cut"],
    )
    def test_that_is_none_is_a_failure(self, answer: Answer) -> None:
        with serving(lambda _: answer) as server, pytest.raises(ApiError) as failed:
            speak(of("custom", server))
        assert (failed.value.status, failed.value.code) == (502, "provider_failed")

    def test_that_has_no_end_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert errands.MAX_SOUND_BYTES == 67_108_864
        monkeypatch.setattr(errands, "MAX_SOUND_BYTES", 10_000)
        endless = Answer([b"x" * 1000], 200, {"Content-Type": "audio/mpeg"}, endless=True)
        with serving(lambda _: endless) as server, pytest.raises(ApiError):
            speak(of("custom", server))

    def test_is_tried_again_before_the_first_sound(self) -> None:
        answers = [json_answer({}, 503), Answer([b"sound"], 200, {"Content-Type": "audio/mpeg"})]
        with serving(lambda _: answers.pop(0)) as server:
            assert speak(of("custom", server)) == [Sound("audio/mpeg", b"sound")]

    @pytest.mark.parametrize("kind", ["google", "anthropic"])
    def test_is_not_everybodys(self, kind: str) -> None:
        with pytest.raises(ApiError) as refused:
            speech_flow(settings_of(kind, "http://127.0.0.1:1"), SpeechRequest(Wanted("m"), "a", "b"))
        assert refused.value.code == "not_offered"


class TestRecordings:
    @KINDS
    @pytest.mark.parametrize("operation", ["transcriptions", "translations"])
    def test_are_sent_as_they_are(self, kind: str, operation: Any) -> None:
        content = bytes(range(256)) * 2000
        with SERVERS[kind]() as server:
            answer = hear(
                of(kind, server),
                content,
                operation=operation,
                language="de",
                prompt="Grüße",
                temperature=0.5,
                granularities=["word", "segment"],
            )
        assert answer == {"text": f"{operation} audio.wav 512000"}
        assert parts(server.requests[0]) == [
            ("model", "", b"m"),
            ("response_format", "", b"json"),
            ("language", "", b"de"),
            ("prompt", "", "Grüße".encode()),
            ("temperature", "", b"0.5"),
            ("timestamp_granularities[]", "", b"word"),
            ("timestamp_granularities[]", "", b"segment"),
            ("file", "audio.wav", content),
        ]
        # Some servers take nothing whose length is not told.
        assert server.requests[0].headers["content-length"]

    def test_are_told_with_their_times(self) -> None:
        with SERVERS["openai"]() as server:
            answer = hear(of("openai", server), format="verbose_json")
        text = "transcriptions audio.wav 5"
        assert answer == {
            "text": text,
            "task": "transcribe",
            "language": "english",
            "duration": 1.5,
            "segments": [{"id": 0, "start": 0, "end": 1.5, "text": text}],
            "words": [{"word": "one", "start": 0.0, "end": 0.5}],
        }

    @pytest.mark.parametrize("form", ["text", "srt", "vtt"])
    def test_are_texts_in_other_formats(self, form: str) -> None:
        with SERVERS["openai"]() as server:
            assert hear(of("openai", server), format=form) == f"{form}: transcriptions audio.wav 5\n"

    def test_can_be_sent_again(self) -> None:
        seen: list[bytes] = []

        def respond(received: Received) -> Answer:
            seen.append(parts(received)[-1][2])
            return json_answer({}, 503) if len(seen) == 1 else json_answer({"text": "ok"})

        with serving(respond) as server:
            assert hear(of("custom", server)) == {"text": "ok"}
        assert seen == [b"sound", b"sound"]

    @pytest.mark.parametrize("answer", [{}, [], {"text": None}, {"text": ["a"]}, "text"])
    def test_an_answer_that_is_none_is_a_failure(self, answer: Any) -> None:
        with serving(lambda _: json_answer(answer)) as server, pytest.raises(ApiError) as failed:
            hear(of("custom", server))
        assert failed.value.status == 502

    def test_values_of_other_types_are_left_out(self) -> None:
        odd = {
            "text": "a",
            "duration": "1.5",
            "language": 1,
            "segments": ["x", {"id": True, "text": 1}],
            "words": {},
        }
        with serving(lambda _: json_answer(odd)) as server:
            assert hear(of("custom", server), format="verbose_json") == {"text": "a", "segments": [{}]}

    def test_an_answer_that_is_too_large_is_a_failure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert module.MAX_TRANSCRIPT_BYTES == 8_388_608
        monkeypatch.setattr(module, "MAX_TRANSCRIPT_BYTES", 30)
        with serving(lambda _: json_answer({"text": "x" * 30})) as server, pytest.raises(ApiError):
            hear(of("custom", server))


ACCESS = Access("key", "http://x/y", own_url=True)


def recording_of(kind: str = "openai", **more: Any) -> Any:
    file = FormFile("file", "audio.wav", "audio/wav", io.BytesIO(b"sound"), 5)
    return recording_errand(settings_of(kind, "http://x/y"), RecordingRequest(Wanted("m"), file, **more))


class TestErrand:
    def test_of_speech(self) -> None:
        flow = speech_flow(settings_of("openai", "http://x/y"), SpeechRequest(Wanted("m"), "Hello", "alloy"))
        assert (flow.name, flow.model, flow.read) == ("tts", "m", errands.sounds)
        call = flow.call(ACCESS)
        assert call.url == "http://x/y/audio/speech"
        assert call.body == {"model": "m", "input": "Hello", "voice": "alloy", "response_format": "mp3"}
        assert (call.guarded, call.optional) == (True, frozenset())

    def test_of_a_recording(self) -> None:
        errand = recording_of(format="srt", language="de")
        assert (errand.name, errand.model, errand.most) == ("speech", "m", 8_388_608)
        call = errand.call(ACCESS)
        assert call.url == "http://x/y/audio/transcriptions"
        assert call.body.fields == [("model", "m"), ("response_format", "srt"), ("language", "de")]
        assert (call.guarded, call.model) == (True, "m")
        assert call.parameters == {"model", "response_format", "language"}
        assert "content-type" not in {name.lower() for name in call.headers}
        assert errand.read(b"a\xff") == "a\ufffd"

    def test_is_not_everybodys(self) -> None:
        for kind in ("google", "anthropic"):
            with pytest.raises(ApiError) as refused:
                recording_of(kind)
            assert refused.value.message == "The provider of that model has no speech recognition."
            with pytest.raises(ApiError) as refused:
                speech_flow(settings_of(kind, "http://x"), SpeechRequest(Wanted("m"), "a", "b"))
            assert refused.value.message == "The provider of that model has no speech."

    def test_keeps_words_out_of_logs(self) -> None:
        shown = repr(SpeechRequest(Wanted("m", {"NAME": "canary"}), "canary", "alloy"))
        shown += repr(
            RecordingRequest(Wanted("m"), FormFile("f", "f", "a/b", io.BytesIO(), 0), prompt="canary")
        )
        assert "canary" not in shown


class TestReading:
    @pytest.mark.parametrize("form", ["json", "verbose_json"])
    def test_of_an_object_without_text_is_a_failure(self, form: str) -> None:
        read = recording_of(format=form).read
        assert read(b'{"text": "a", "odd": 1}') == {"text": "a"}
        for content, kind in ((b"{}", "no_text"), (b"[]", "no_text"), (b"nonsense", "no_json")):
            with pytest.raises(ProviderFailure) as failed:
                read(content)
            assert failed.value.kind == kind

    def test_takes_the_fields_of_each_kind(self) -> None:
        segment = {
            "id": 1,
            "seek": 2,
            "text": "a",
            **dict.fromkeys(("start", "end", "temperature", "avg_logprob"), 1.5),
            **dict.fromkeys(("compression_ratio", "no_speech_prob"), 0),
        }
        word = {"word": "a", "start": 0, "end": 1.5}
        head = {"task": "transcribe", "language": "english", "duration": 2}
        said = {
            "text": "a",
            **head,
            "segments": [{**segment, "tokens": [1]}, "x"],
            "words": [{**word, "odd": 1}, None],
        }
        read = recording_of(format="verbose_json").read
        assert read(json.dumps(said).encode()) == {
            "text": "a",
            **head,
            "segments": [segment],
            "words": [word],
        }
        wrong = {
            "text": "a",
            "segments": [{**dict.fromkeys(segment, "1"), "text": 1}],
            "words": "a",
            "task": 1,
        }
        assert read(json.dumps(wrong).encode()) == {"text": "a", "segments": [{}]}

    def test_takes_fifty_thousand_words(self) -> None:
        words = [{"word": "a"}] * 50_001
        made = recording_of(format="verbose_json").read(json.dumps({"text": "", "words": words}).encode())
        assert len(made["words"]) == 50_000


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("audio/mpeg", "audio/mpeg"),
        ("audio/ogg", "audio/ogg"),
        ("audio/aac", "audio/aac"),
        ("audio/flac", "audio/flac"),
        ("audio/wav", "audio/wav"),
        ("audio/pcm", "audio/pcm"),
        ("audio/mp3", "audio/mpeg"),
        ("audio/opus", "audio/ogg"),
        ("audio/x-flac", "audio/flac"),
        ("audio/wave", "audio/wav"),
        ("audio/x-wav", "audio/wav"),
        ("audio/vnd.wave", "audio/wav"),
        ("audio/odd", "audio/aac"),
    ],
)
def test_speech_is_called_what_everybody_calls_it(said: str, told: str) -> None:
    assert media_type_of(said, "aac") == told
