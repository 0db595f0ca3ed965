"""Texts that are read aloud to LibreChat's client."""

from typing import Any

from echo.conversations.message_text import message_text
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


def read_message_aloud(services: Services, caller: Caller, *, body: dict[str, Any]) -> Pending:
    """What a message of the caller's says, spoken; its reasoning and its calls are not read."""
    audio = services.programs.audio
    audio.check_voice(caller)
    message = services.conversations.in_full.messages.of_id(caller.id, body["messageId"])
    return audio.read_aloud(caller, message_text(message), body.get("voice"))
