from collections.abc import Callable

from tests.conftest import Client, UserClient
from tests.support import sound

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

    def test_is_503_when_switched_off(self, ada: UserClient, make_application: Callable[..., Client]) -> None:
        mute = make_application(ECHO_STT="off")
        mute.headers = ada.headers
        response = mute.post(PATH, files={"audio": ("a.wav", sound.silence(1))})
        assert response.status_code == 503
        assert response.json()["code"] == "speech_unavailable"
