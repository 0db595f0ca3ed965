"""Which transcriber there is."""

from typing import Protocol

from echo.errors import ServiceUnavailable
from echo.handling.upload import Upload
from echo.settings import Settings
from echo.speech.offline import OfflineTranscriber
from echo.speech.remote import RemoteTranscriber


class Transcriber(Protocol):
    """Turns a recording into text. `is_there` says whether one is set up at all, `model` is its name for programs."""

    is_there: bool
    model: str

    def transcribe(self, upload: Upload) -> str:
        """What is said; empty for silence."""


class NoTranscriber:
    """Nothing is configured, or speech is switched off."""

    is_there = False
    model = ""

    def transcribe(self, upload: Upload) -> str:
        """Raise `ServiceUnavailable`."""
        raise ServiceUnavailable(
            "Speech recognition is not set up on this server.", code="speech_unavailable", retry_after=3600
        )


def build_transcriber(settings: Settings) -> Transcriber:
    """As `ECHO_STT` says: with `auto` the configured service, else the offline recogniser where it is installed."""
    speech = settings.speech
    if speech.mode == "auto" and speech.api_key:
        return RemoteTranscriber(speech)
    if speech.mode != "off" and OfflineTranscriber.is_installed():
        return OfflineTranscriber()
    return NoTranscriber()
