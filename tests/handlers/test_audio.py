import pytest

from tests.conftest import Client, UserClient
from tests.support import sound
from tests.support.providers import ProviderServer
from tests.support.providers.errands import parts

SPEECH, DOWN, ENGLISH = "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"
SAID = {"model": "openAI/tts-1", "input": "Hello wörld", "voice": "alloy"}
WAV = sound.silence(0.1)


def recording(content: bytes = WAV) -> dict[str, tuple[str, bytes, str]]:
    return {"file": ("my secret name.mp3", content, "audio/mpeg")}


@pytest.mark.parametrize("path", [SPEECH, DOWN, ENGLISH])
def test_needs_a_key(api: Client, path: str) -> None:
    assert api.post(path).json()["error"]["type"] == "authentication_error"


class TestCreateSpeech:
    def test_gives_sound(self, ada: UserClient) -> None:
        answer = ada.post(SPEECH, json=SAID)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        assert answer.content.endswith("Hello wörld".encode())

    def test_passes_on_how_it_is_said(self, ada: UserClient, model_server: ProviderServer) -> None:
        more = {"response_format": "wav", "speed": 0.5, "instructions": "Kindly."}
        answer = ada.post(SPEECH, json={**SAID, **more})
        # What the server says that it is.
        assert answer.headers["content-type"] == "audio/wav"
        assert model_server.requests[-1].json == {**SAID, **more, "model": "tts-1"}

    @pytest.mark.parametrize(
        "change",
        [
            {"input": ""},
            {"input": "x" * 32_769},
            {"voice": ""},
            {"voice": None},
            {"response_format": "exe"},
            {"speed": 5},
            {"stream_format": "sse"},
        ],
        ids=str,
    )
    def test_refuses_what_does_not_fit(self, ada: UserClient, change: dict[str, object]) -> None:
        answer = ada.post(SPEECH, json={**SAID, **change})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_failed")

    def test_by_a_model_that_is_none(self, ada: UserClient) -> None:
        answer = ada.post(SPEECH, json={**SAID, "model": "openAI/tts-9"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


class TestCreateTranscription:
    def test_asks_the_endpoint(self, ada: UserClient, model_server: ProviderServer) -> None:
        answer = ada.post(DOWN, data={"model": "openAI/whisper-1", "language": "en"}, files=recording())
        assert answer.json() == {"text": f"transcriptions audio.wav {len(WAV)}"}
        sent = parts(model_server.requests[-1])
        assert sent == [
            ("model", "", b"whisper-1"),
            ("response_format", "", b"json"),
            ("language", "", b"en"),
            ("file", "audio.wav", WAV),
        ]

    def test_gives_times(self, ada: UserClient) -> None:
        data = {
            "model": "openAI/whisper-1",
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"],
            "temperature": "0.2",
        }
        body = ada.post(DOWN, data=data, files=recording()).json()
        assert (body["language"], body["words"]) == ("english", [{"word": "one", "start": 0.0, "end": 0.5}])

    @pytest.mark.parametrize("form", ["text", "srt", "vtt"])
    def test_gives_texts(self, ada: UserClient, form: str) -> None:
        data = {"model": "openAI/whisper-1", "response_format": form}
        answer = ada.post(DOWN, data=data, files=recording())
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text == f"{form}: transcriptions audio.wav {len(WAV)}\n"

    def test_can_be_the_servers_own(self, ada: UserClient, model_server: ProviderServer) -> None:
        before = len(model_server.requests)
        content = sound.SPEECH.read_bytes()
        said = ada.post(DOWN, data={"model": "pocketsphinx"}, files=recording(content)).json()
        assert "three four five" in said["text"]
        data = {"model": "pocketsphinx", "response_format": "text"}
        assert ada.post(DOWN, data=data, files=recording()).text == "\n"
        assert len(model_server.requests) == before

    def test_the_servers_own_is_opened_by_a_limited_key_that_names_it(
        self, api: Client, ada: UserClient
    ) -> None:
        for names, status in ((["pocketsphinx"], 200), (["openAI/*"], 404)):
            made = ada.post("/api/api-keys", json={"name": "limited", "limits": {"models": names}}).json()
            headers = {"Authorization": f"Bearer {made['key']}"}
            answer = api.post(DOWN, data={"model": "pocketsphinx"}, files=recording(), headers=headers)
            assert answer.status_code == status

    def test_the_servers_own_counts_as_a_request_of_a_key(self, api: Client, ada: UserClient) -> None:
        limits = {"requestsPerMinute": 1, "tokensPerDay": 1}
        made = ada.post("/api/api-keys", json={"name": "limited", "limits": limits}).json()
        headers = {"Authorization": f"Bearer {made['key']}"}
        answers = [
            api.post(DOWN, data={"model": "pocketsphinx"}, files=recording(), headers=headers)
            for _ in range(2)
        ]
        assert answers[0].headers["x-ratelimit-remaining-requests"] == "0"
        # The minute may have turned between the two.
        assert [answer.status_code for answer in answers] in ([200, 429], [200, 200])
        used = ada.get(f"/api/api-keys/{made['id']}").json()["usage"]["total"]
        assert (used["requests"] in (1, 2), used["inputTokens"], used["outputTokens"]) == (True, 0, 0)

    def test_the_servers_own_has_no_times(self, ada: UserClient) -> None:
        for path, form in ((DOWN, "srt"), (DOWN, "verbose_json"), (ENGLISH, "json")):
            data = {"model": "pocketsphinx", "response_format": form}
            answer = ada.post(path, data=data, files=recording())
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_offered")

    def test_the_servers_own_has_no_stream(self, ada: UserClient) -> None:
        answer = ada.post(DOWN, data={"model": "pocketsphinx", "stream": "true"}, files=recording())
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "stream")

    @pytest.mark.parametrize(
        ("content", "status", "code"),
        [(b"", 422, "unreadable_audio"), (b"just a text", 415, "unsupported_audio")],
    )
    def test_of_what_is_no_recording(
        self, ada: UserClient, model_server: ProviderServer, content: bytes, status: int, code: str
    ) -> None:
        before = len(model_server.requests)
        answer = ada.post(DOWN, data={"model": "openAI/whisper-1"}, files=recording(content))
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert len(model_server.requests) == before

    @pytest.mark.parametrize(
        "change",
        [
            {"response_format": "pdf"},
            {"temperature": "2"},
            {"temperature": "warm"},
            {"stream": "soon"},
            {"model": ""},
            {"timestamp_granularities[]": "letter"},
        ],
        ids=str,
    )
    def test_refuses_what_does_not_fit(self, ada: UserClient, change: dict[str, str]) -> None:
        data = {"model": "openAI/whisper-1", **change}
        answer = ada.post(DOWN, data=data, files=recording())
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_failed")

    def test_by_a_model_that_is_none(self, ada: UserClient) -> None:
        answer = ada.post(DOWN, data={"model": "whisper-9"}, files=recording())
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


class TestCreateTranslation:
    def test_asks_the_endpoint(self, ada: UserClient) -> None:
        data = {"model": "openAI/whisper-1", "prompt": "Ada", "temperature": "0"}
        answer = ada.post(ENGLISH, data=data, files=recording())
        assert answer.json() == {"text": f"translations audio.wav {len(WAV)}"}
