"""Speech from text and text from speech, at endpoints that have OpenAI's operations for it.

https://platform.openai.com/docs/api-reference/audio
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from echo.providers.constants import MAX_TRANSCRIPT_BYTES
from echo.providers.errands import Errand, Flow, Sound, read_json, sounds
from echo.providers.failures import unusable
from echo.providers.forms import FormFile
from echo.providers.operations import Wanted, operations_of
from echo.providers.provider import VOICE, Access
from echo.providers.transport import Call
from echo.settings import ProviderSettings

# As metrics and traces call it; what comes as a stream has its names in `echo.providers.provider`.
NAME = "speech"
# The formats of speech that can be asked for, with what they are called.
FORMATS: Mapping[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
# What servers say for the same: some give another format than was asked for, and say so.
ALSO: Mapping[str, str] = {
    "audio/mp3": "audio/mpeg",
    "audio/opus": "audio/ogg",
    "audio/x-flac": "audio/flac",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
}
JSON_FORMATS = ("json", "verbose_json")
MAX_ITEMS = 50_000
WORD: Mapping[str, tuple[type, ...]] = {"word": (str,), "start": (int, float), "end": (int, float)}
SEGMENT: Mapping[str, tuple[type, ...]] = {
    "id": (int,),
    "seek": (int,),
    "text": (str,),
    **dict.fromkeys(("start", "end", "temperature", "avg_logprob"), (int, float)),
    **dict.fromkeys(("compression_ratio", "no_speech_prob"), (int, float)),
}
HEAD: Mapping[str, tuple[type, ...]] = {"task": (str,), "language": (str,), "duration": (int, float)}


@dataclass(frozen=True)
class SpeechRequest:
    """What to say, and how."""

    wanted: Wanted
    text: str = field(repr=False)
    voice: str
    format: str = "mp3"
    speed: float | None = None
    instructions: str | None = None


def speech_flow(settings: ProviderSettings, request: SpeechRequest) -> Flow[Sound]:
    """How an endpoint is asked to speak. Raises `Unprocessable` (`not_offered`) where its provider does not."""
    operations = operations_of(settings, "speech")
    parameters = {
        "input": request.text,
        "voice": request.voice,
        "response_format": request.format,
        "speed": request.speed,
        "instructions": request.instructions,
    }

    def call(access: Access) -> Call:
        return operations.json("audio/speech", request.wanted, access, parameters)

    return Flow(VOICE, request.wanted.model, call, sounds)


def media_type_of(said: str, asked: str) -> str:
    """The media type of speech: what the provider said, where that is one that is known, else of what was asked."""
    known = ALSO.get(said, said)
    return known if known in FORMATS.values() else FORMATS[asked]


@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """What is to be done with a recording: written down, or translated into English; the rest is as OpenAI has it."""

    operation: Literal["transcriptions", "translations"] = "transcriptions"
    format: str = "json"
    language: str | None = None
    prompt: str | None = field(default=None, repr=False)
    temperature: float | None = None
    granularities: Sequence[str] = ()


@dataclass(frozen=True)
class RecordingRequest(RecordingOptions):
    """A recording as a provider gets it."""

    wanted: Wanted
    file: FormFile


def recording_errand(settings: ProviderSettings, request: RecordingRequest) -> Errand[dict[str, Any] | str]:
    """How an endpoint is asked: the answer is an object for the JSON formats, a text for all others.

    Raises `Unprocessable` (`not_offered`) where the provider takes no recordings.
    """
    call = recording_call(settings, request)
    if request.format in JSON_FORMATS:
        return Errand(NAME, request.wanted.model, call, read_object, MAX_TRANSCRIPT_BYTES)
    return Errand(NAME, request.wanted.model, call, _read_text, MAX_TRANSCRIPT_BYTES)


def recording_call(
    settings: ProviderSettings, request: RecordingRequest, *, stream: bool = False
) -> Callable[[Access], Call]:
    """The request itself. Raises as `recording_errand` does."""
    operations = operations_of(settings, "speech recognition")
    fields = [
        ("response_format", request.format),
        ("language", request.language),
        ("prompt", request.prompt),
        ("temperature", request.temperature),
        *(("timestamp_granularities[]", each) for each in request.granularities),
        ("stream", "true" if stream else None),
    ]
    return lambda access: operations.form(
        f"audio/{request.operation}", request.wanted, access, fields, [request.file]
    )


def _read_text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def read_object(content: bytes) -> dict[str, Any]:
    """What is said in a recording, as an object. Raises `ProviderFailure`."""
    answer = read_json(content)
    text = answer.get("text") if isinstance(answer, dict) else None
    if not isinstance(text, str):
        raise unusable("no_text")
    made: dict[str, Any] = {"text": text, **_known(answer, HEAD)}
    for name, fields in (("segments", SEGMENT), ("words", WORD)):
        listed = answer.get(name)
        if isinstance(listed, list):
            items = (each for each in listed[:MAX_ITEMS] if isinstance(each, dict))
            made[name] = [_known(each, fields) for each in items]
    return made


def _known(value: Mapping[str, Any], fields: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """The fields that are there and of their type; everything else a provider may say ends here."""
    return {name: value[name] for name, kinds in fields.items() if type(value.get(name)) in kinds}
