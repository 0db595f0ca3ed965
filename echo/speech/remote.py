"""A transcription service that speaks OpenAI's protocol."""

from echo.errors import BadGateway
from echo.files.upload import Upload
from echo.providers.calls import calling
from echo.providers.http import post
from echo.settings import SpeechSettings

READ_SECONDS = 60.0
# As metrics and traces call the service.
PROVIDER = "stt"
MAX_TEXT = 200_000
# The service goes by the suffix; what the client called its file is nobody's business.
SUFFIXES = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/webm": "webm",
}


def credentials(settings: SpeechSettings) -> dict[str, str]:
    """The header that carries the key."""
    key = str(settings.api_key)
    return {"api-key": key} if settings.azure else {"Authorization": f"Bearer {key}"}


class RemoteTranscriber:
    """Sends the recording as it is."""

    def __init__(self, settings: SpeechSettings) -> None:
        self._settings = settings

    def transcribe(self, upload: Upload) -> str:
        """What the service understood. Raises `BadGateway`, `ServiceUnavailable`."""
        media_type = upload.content_type.partition(";")[0].strip().lower()
        upload.stream.seek(0)
        with calling(PROVIDER, "speech"):
            answer = post(
                self._settings.url,
                headers=credentials(self._settings),
                seconds=READ_SECONDS,
                data={"model": self._settings.model, "response_format": "json"},
                files={"file": (f"audio.{SUFFIXES.get(media_type, 'webm')}", upload.stream)},
            )
        text = answer.get("text") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise BadGateway
        return text.strip()[:MAX_TEXT]
