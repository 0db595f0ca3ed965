import io

import pytest
from PIL import Image

from echo.errors import ApiError, PayloadTooLarge
from echo.handling.upload import Upload
from echo.speech import decode as decoding
from echo.speech.decode import decode
from echo.speech.offline import OfflineTranscriber
from echo.speech.voice import has_voice
from tests.support import sound


def upload(content: bytes) -> Upload:
    return Upload(io.BytesIO(content), "recording", "application/octet-stream", len(content))


@pytest.fixture(scope="module")
def offline() -> OfflineTranscriber:
    return OfflineTranscriber()


class TestFormats:
    @pytest.mark.parametrize("container", sound.FORMATS)
    def test_are_all_understood(self, offline: OfflineTranscriber, container: str) -> None:
        words = offline.transcribe(upload(sound.speech(container))).split()
        assert {"three", "four", "five"} <= set(words)

    @pytest.mark.parametrize("container", sound.FORMATS)
    def test_decode_to_the_same_length(self, container: str) -> None:
        seconds = len(decode(io.BytesIO(sound.speech(container)))) / 32_000
        assert seconds == pytest.approx(len(decode(io.BytesIO(sound.SPEECH.read_bytes()))) / 32_000, abs=0.15)


class TestQuiet:
    @pytest.mark.parametrize(
        "content", [sound.silence(2), sound.noise(2), sound.silence(0.01)], ids=["silence", "hiss", "a blink"]
    )
    def test_is_an_empty_text(self, offline: OfflineTranscriber, content: bytes) -> None:
        assert offline.transcribe(upload(content)) == ""

    def test_speech_is_not_quiet(self) -> None:
        assert has_voice(decode(io.BytesIO(sound.SPEECH.read_bytes())))


class TestBadRecordings:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"not audio at all",
            b"\x00" * 5000,
            b"RIFF\xff\xff\xff\xffWAVEfmt ",
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
            sound.speech("mp4")[:700],
        ],
        ids=["empty", "text", "zeros", "head only", "playlist", "list of files", "session", "cut off"],
    )
    def test_are_refused(self, content: bytes) -> None:
        with pytest.raises(ApiError) as refused:
            decode(io.BytesIO(content))
        assert refused.value.status in (415, 422)
        assert refused.value.code in ("unreadable_audio", "unsupported_audio")

    def test_that_last_too_long_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decoding, "MAX_SECONDS", 1)
        with pytest.raises(PayloadTooLarge) as refused:
            decode(io.BytesIO(sound.silence(3)))
        assert refused.value.code == "audio_too_long"

    def test_a_picture_is_no_recording(self) -> None:
        picture = io.BytesIO()
        Image.new("RGB", (4, 4)).save(picture, "PNG")
        with pytest.raises(ApiError) as refused:
            decode(picture)
        assert refused.value.status in (415, 422)
