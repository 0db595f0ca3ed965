import io

import pytest

from echo.errors import BadGateway, ServiceUnavailable
from echo.files.upload import Upload
from echo.settings import SpeechSettings, load_settings
from echo.speech import Transcriber, build_transcriber
from echo.speech.offline import OfflineTranscriber
from echo.speech.remote import RemoteTranscriber
from tests.support.loopback import Answer, Provider, answer_with, provider


def upload(content_type: str = "audio/mpeg") -> Upload:
    return Upload(io.BytesIO(b"the recording"), "../my secret name.mp3", content_type, 13)


def transcriber(running: Provider, **environ: str) -> Transcriber:
    return build_transcriber(load_settings({"STT_API_KEY": "sk-stt", "ECHO_STT_URL": running.url, **environ}))


class TestService:
    def test_gets_the_recording_and_gives_the_text(self) -> None:
        with provider(answer_with({"text": " hello world \n"})) as running:
            assert transcriber(running, ECHO_STT_MODEL="big").transcribe(upload()) == "hello world"
        [request] = running.requests
        assert request.headers["Authorization"] == "Bearer sk-stt"
        assert b"the recording" in request.body
        assert b'name="model"\r\n\r\nbig' in request.body
        assert b'filename="audio.mp3"' in request.body
        assert b"secret name" not in request.body

    def test_of_azure_gets_the_key_in_its_own_header(self) -> None:
        with provider(answer_with({"text": "hello"})) as running:
            speech = SpeechSettings(
                "auto", f"{running.url}/d/audio/transcriptions?api-version=v", "m", "az", azure=True
            )
            assert RemoteTranscriber(speech).transcribe(upload()) == "hello"
        [request] = running.requests
        assert request.headers["api-key"] == "az"
        assert "Authorization" not in request.headers
        assert request.path == "/d/audio/transcriptions?api-version=v"

    @pytest.mark.parametrize(
        "answer",
        [
            answer_with({"error": "canary"}, status=500),
            answer_with({"error": "canary"}, status=401),
            answer_with({"text": 5}),
            answer_with(["text"]),
            answer_with(None, raw=b"<html>"),
            answer_with(None, raw=b'{"text": "' + b"x" * 3_000_000 + b'"}'),
            answer_with({"text": "x"}, status=307, headers={"Location": "http://127.0.0.1:1/"}),
        ],
    )
    def test_that_fails_is_a_bad_gateway(self, answer: Answer) -> None:
        with provider(answer) as running, pytest.raises(BadGateway) as failed:
            transcriber(running).transcribe(upload())
        assert "canary" not in str(failed.value)

    def test_its_limit_is_passed_on(self) -> None:
        with (
            provider(answer_with({}, status=429, headers={"Retry-After": "17"})) as running,
            pytest.raises(ServiceUnavailable) as busy,
        ):
            transcriber(running).transcribe(upload())
        assert busy.value.code == "provider_busy"
        assert busy.value.headers["Retry-After"] == "17"


class TestChoice:
    def test_off_is_off(self) -> None:
        off = build_transcriber(load_settings({"ECHO_STT": "off", "STT_API_KEY": "x"}))
        with pytest.raises(ServiceUnavailable) as refused:
            off.transcribe(upload())
        assert refused.value.code == "speech_unavailable"

    def test_offline_is_offline_even_with_a_key(self) -> None:
        settings = load_settings({"ECHO_STT": "offline", "STT_API_KEY": "x"})
        assert isinstance(build_transcriber(settings), OfflineTranscriber)

    def test_without_the_extra_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        with pytest.raises(ServiceUnavailable):
            build_transcriber(load_settings({})).transcribe(upload())
