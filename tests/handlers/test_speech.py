from collections.abc import Callable

from tests.conftest import Client, UserClient
from tests.support import sound
from tests.support.loopback import answer_with, provider

PATH = "/api/files/speech/stt"


class TestTranscribeAudio:
    def test_needs_a_token(self, api: Client) -> None:
        assert api.post(PATH, files={"audio": ("a.wav", sound.silence(1))}).status_code == 401

    def test_refuses_what_is_no_recording(self, ada: UserClient) -> None:
        response = ada.post(PATH, files={"audio": ("a.wav", b"no recording")})
        assert response.status_code in (415, 422)

    def test_needs_the_part(self, ada: UserClient) -> None:
        assert ada.post(PATH, files={"file": ("a.wav", sound.silence(1))}).status_code == 400
        assert ada.post(PATH, files={"audio": (None, "text")}).status_code == 400

    def test_understands_speech(self, ada: UserClient) -> None:
        response = ada.post(PATH, files={"audio": ("a.flac", sound.SPEECH.read_bytes(), "audio/flac")})
        assert response.status_code == 200
        assert "three four five" in response.json()["text"]

    def test_hears_nothing_in_silence(self, ada: UserClient) -> None:
        assert ada.post(PATH, files={"audio": ("a.wav", sound.silence(1))}).json() == {"text": ""}

    def test_passes_on_what_a_service_says_of_the_recording(
        self, ada: UserClient, make_application: Callable[..., Client]
    ) -> None:
        with provider(answer_with({"error": {"message": "too short"}}, status=400)) as service:
            client = make_application(STT_API_KEY="sk-stt", ECHO_STT_URL=service.url)
            client.headers = ada.headers
            recording = ("a.webm", sound.silence(0.01), "audio/webm")
            response = client.post(PATH, files={"audio": recording})
            assert (response.status_code, response.json()["code"]) == (422, "unreadable_audio")
            assert len(service.requests) == 1
            for content in (b"", b"a text"):
                refused = client.post(PATH, files={"audio": ("a.webm", content, "audio/webm")})
                assert refused.status_code in (415, 422)
            assert len(service.requests) == 1

    def test_is_503_when_switched_off(self, ada: UserClient, make_application: Callable[..., Client]) -> None:
        mute = make_application(ECHO_STT="off")
        mute.headers = ada.headers
        response = mute.post(PATH, files={"audio": ("a.wav", sound.silence(1))})
        assert response.status_code == 503
        assert response.json()["code"] == "speech_unavailable"
