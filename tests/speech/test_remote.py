import io

import pytest

from echo.errors import ApiError, BadGateway, ServiceUnavailable, Unprocessable
from echo.handling.upload import Upload
from echo.settings import SpeechSettings, load_settings
from echo.speech import Transcriber, build_transcriber
from echo.speech.offline import OfflineTranscriber
from echo.speech.remote import RemoteTranscriber
from tests.files import samples
from tests.support import sound
from tests.support.loopback import Answer, Provider, answer_with, provider

MP3 = samples.sound("mp3", "libmp3lame")


def upload(content: bytes = MP3, content_type: str = "audio/webm") -> Upload:
    return Upload(io.BytesIO(content), "../my secret name.mp3", content_type, len(content))


def transcriber(running: Provider, **environ: str) -> Transcriber:
    return build_transcriber(load_settings({"STT_API_KEY": "sk-stt", "ECHO_STT_URL": running.url, **environ}))


class TestService:
    def test_gets_the_recording_and_gives_the_text(self) -> None:
        with provider(answer_with({"text": " hello world \n"})) as running:
            assert transcriber(running, ECHO_STT_MODEL="big").transcribe(upload()) == "hello world"
        [request] = running.requests
        assert request.headers["Authorization"] == "Bearer sk-stt"
        assert MP3 in request.body
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
        ("content", "suffix"),
        [
            (MP3, "mp3"),
            (b"ID3\x04" + MP3[MP3.index(b"\xff\xfb") :], "mp3"),
            (b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + sound.SPEECH.read_bytes(), "flac"),
            (sound.SPEECH.read_bytes(), "flac"),
            (sound.silence(0.1), "wav"),
            (sound.speech("ogg"), "ogg"),
            (sound.speech("webm"), "webm"),
            (samples.sound("matroska", "libopus"), "webm"),
            (samples.sound("ipod", "aac"), "m4a"),
            (sound.speech("mp4"), "mp4"),
            (samples.sound("mov", "aac"), "mp4"),
            (samples.film("webm", "libvpx"), "webm"),
            (samples.sound("adts", "aac"), "aac"),
            (samples.sound("aiff", "pcm_s16be"), "aiff"),
            (samples.sound("caf", "pcm_s16le"), "caf"),
            (b"#!AMR\n" + bytes(40), "amr"),
            (b"\x00\x00\x00\x18ftypiso5" + bytes(40), "mp4"),
            (b"\x00\x00\x00\x18ftypF4A " + bytes(40), "mp4"),
        ],
    )
    @pytest.mark.parametrize("claimed", ["audio/webm", "audio/x-m4a", "application/octet-stream", ""])
    def test_gets_a_name_by_the_content(self, content: bytes, suffix: str, claimed: str) -> None:
        with provider(answer_with({"text": "hello"})) as running:
            assert transcriber(running).transcribe(upload(content, claimed)) == "hello"
        [request] = running.requests
        assert f'filename="audio.{suffix}"'.encode() in request.body
        assert content in request.body

    @pytest.mark.parametrize(
        ("content", "status", "code"),
        [
            (b"", 422, "unreadable_audio"),
            (b"just a text", 415, "unsupported_audio"),
            (b"\x00\x01\x02", 415, "unsupported_audio"),
            (samples.PDF, 415, "unsupported_audio"),
            (samples.picture("PNG"), 415, "unsupported_audio"),
            (samples.archive({"a.mp3": MP3}), 415, "unsupported_audio"),
            (b"\x00\x00\x00\x20ftypheic" + bytes(40), 415, "unsupported_audio"),
            (b"\x00\x00\x00\x20ftypavif" + bytes(40), 415, "unsupported_audio"),
            (b"#EXTM3U\nhttp://127.0.0.1/\n", 415, "unsupported_audio"),
        ],
    )
    def test_is_not_asked_about_what_is_no_recording(self, content: bytes, status: int, code: str) -> None:
        with provider(answer_with({"text": "hello"})) as running, pytest.raises(ApiError) as refused:
            transcriber(running).transcribe(upload(content, "audio/mpeg"))
        assert (refused.value.status, refused.value.code) == (status, code)
        assert running.requests == []

    @pytest.mark.parametrize(
        ("theirs", "body", "status", "code"),
        [
            (400, {"error": {"message": "canary", "param": None}}, 422, "unreadable_audio"),
            (400, {"error": {"message": "canary", "param": "file"}}, 422, "unreadable_audio"),
            (400, {"error": "canary"}, 422, "unreadable_audio"),
            (400, ["canary"], 422, "unreadable_audio"),
            (422, {"detail": "canary"}, 422, "unreadable_audio"),
            (413, {"error": {"message": "canary"}}, 413, "payload_too_large"),
            (415, {"error": {"message": "canary"}}, 415, "unsupported_audio"),
            (400, {"error": {"message": "canary", "param": "model"}}, 502, "provider_failed"),
            (404, {"error": {"message": "canary", "param": "file"}}, 502, "provider_failed"),
        ],
    )
    def test_that_refuses_the_recording_is_believed(
        self, theirs: int, body: object, status: int, code: str
    ) -> None:
        with provider(answer_with(body, status=theirs)) as running, pytest.raises(ApiError) as refused:
            transcriber(running).transcribe(upload())
        assert (refused.value.status, refused.value.code) == (status, code)
        assert "canary" not in str(refused.value)

    def test_that_refuses_without_a_word_is_believed(self) -> None:
        for raw in (b"", b"<html>", b"[" * 100_000, b"x" * 3_000_000):
            with (
                provider(answer_with(None, raw=raw, status=400)) as running,
                pytest.raises(Unprocessable) as refused,
            ):
                transcriber(running).transcribe(upload())
            assert refused.value.code == "unreadable_audio"

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
