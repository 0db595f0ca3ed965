"""A transcription service that speaks OpenAI's protocol."""

from requests import codes

from echo.errors import ApiError, BadGateway, PayloadTooLarge, Unprocessable
from echo.handling.upload import Upload
from echo.providers.calls import calling
from echo.providers.http import Refused, post
from echo.settings import SpeechSettings
from echo.speech.formats import suffix_of, unsupported

READ_SECONDS = 60.0
# As metrics and traces call the service.
PROVIDER = "stt"
MAX_TEXT = 200_000


def credentials(settings: SpeechSettings) -> dict[str, str]:
    """The header that carries the key."""
    key = str(settings.api_key)
    return {"api-key": key} if settings.azure else {"Authorization": f"Bearer {key}"}


class RemoteTranscriber:
    """Sends the recording as it is."""

    is_there = True

    def __init__(self, settings: SpeechSettings) -> None:
        self._settings = settings
        self.model = settings.model

    def transcribe(self, upload: Upload) -> str:
        """What the service understood.

        Raises what `suffix_of` raises, before anything is sent, and as that is for a recording which the service
        refuses (`unreadable_audio`, `unsupported_audio`, or `PayloadTooLarge`); `BadGateway`, `ServiceUnavailable`.
        """
        # What the client called its file is nobody's business.
        name = f"audio.{suffix_of(upload.stream)}"
        upload.stream.seek(0)
        try:
            with calling(PROVIDER, "speech"):
                answer = post(
                    self._settings.url,
                    headers=credentials(self._settings),
                    seconds=READ_SECONDS,
                    data={"model": self._settings.model, "response_format": "json"},
                    files={"file": (name, upload.stream)},
                )
        except Refused as refusal:
            raise _meaning(refusal) from refusal
        text = answer.get("text") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise BadGateway
        return text.strip()[:MAX_TEXT]


def _meaning(refusal: Refused) -> ApiError:
    """What a refusal means for the one who sent the recording; nothing, where it is about what the operator set."""
    if refusal.parameter not in (None, "", "file"):
        return refusal
    if refusal.status_code == codes.request_entity_too_large:
        return PayloadTooLarge("The recording is larger than the speech service accepts.")
    if refusal.status_code == codes.unsupported_media_type:
        return unsupported()
    return Unprocessable("The speech service cannot read the recording.", code="unreadable_audio")
