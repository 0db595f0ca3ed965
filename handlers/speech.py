"""Speech to text."""

from typing import Any

from echo.files import Upload
from echo.handling.caller import Caller
from echo.services import Services


def transcribe_audio(services: Services, caller: Caller, *, audio: Upload) -> dict[str, Any]:
    """What is said in a recording."""
    return {"text": services.transcriber.transcribe(audio)}
