"""Texts that are read aloud to LibreChat's client."""

from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.services import Services


def list_voices(services: Services, caller: Caller) -> list[str]:
    """The voices of the service of `speech.tts`."""
    audio = services.programs.audio
    return list(audio.voices) if audio.reads_aloud else []


def read_aloud(services: Services, caller: Caller, *, input_: str, voice: str | None = None) -> Pending:
    """A text, spoken."""
    return services.programs.audio.read_aloud(caller, input_, voice)
