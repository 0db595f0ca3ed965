"""Speech from text and text from speech, as programs know it from OpenAI."""

from typing import Any

from echo.files import Upload
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.programs.audio import Recorded
from echo.services import Services
from handlers.schemas import audio as schemas

Answer = tuple[dict[str, Any] | str, int, dict[str, Any]] | Pending


def create_speech(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """A text, spoken."""
    return services.programs.audio.speak(caller, schemas.said.load(body))


def create_transcription(
    services: Services,
    caller: Caller,
    *,
    file: Upload,
    model: str,
    language: str | None = None,
    prompt: str | None = None,
    response_format: str = "json",
    temperature: float | None = None,
    timestamp_granularities: list[str] | None = None,
    stream: bool = False,
) -> Answer:
    """What is said in a recording."""
    recorded = Recorded(
        model,
        file,
        format=response_format,
        language=language,
        prompt=prompt,
        temperature=temperature,
        granularities=timestamp_granularities or (),
        stream=stream,
    )
    return services.programs.audio.write_down(caller, recorded)


def create_translation(
    services: Services,
    caller: Caller,
    *,
    file: Upload,
    model: str,
    prompt: str | None = None,
    response_format: str = "json",
    temperature: float | None = None,
) -> Answer:
    """What is said in a recording, in English."""
    recorded = Recorded(
        model,
        file,
        operation="translations",
        format=response_format,
        prompt=prompt,
        temperature=temperature,
    )
    return services.programs.audio.write_down(caller, recorded)
