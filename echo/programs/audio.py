"""Speech in OpenAI's shape: from text, and to text."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace

from echo.completions.objects import SILENT, Json, error_frame, frame
from echo.completions.pulse import OVER, PULSE_SECONDS, Signal, with_pulse
from echo.errors import FieldError, NotFound, PayloadTooLarge, Unprocessable
from echo.handling.caller import Caller
from echo.handling.event_stream import EventStream
from echo.handling.failures import to_api_error
from echo.handling.pending import Pending
from echo.handling.upload import Upload
from echo.programs.offers import Picked
from echo.programs.work import Job, Work
from echo.providers.audio import (
    RecordingOptions,
    RecordingRequest,
    SpeechRequest,
    media_type_of,
    recording_errand,
    speech_flow,
)
from echo.providers.dictation import dictation
from echo.providers.errands import Flow, Sound
from echo.providers.forms import FormFile
from echo.speech.formats import suffix_of
from echo.speech.transcriber import Transcriber

# Of the server's own recogniser only the text is known.
OWN_FORMATS = ("json", "text")
# As the limits of API keys would call its endpoint.
OWN = "speech"
# Where the operator names no voice: OpenAI's first.
USUAL_VOICES = ("alloy",)
# OpenAI's limit of a text that is spoken, and of one that is read aloud in parts.
MAX_SPOKEN, MAX_READ = 4096, 65_536
SENTENCE = re.compile(r"[.!?\n]\s+")


@dataclass(frozen=True)
class Said:
    """What is to be said, in whose voice."""

    model: str
    text: str = field(repr=False)
    voice: str
    format: str = "mp3"
    speed: float | None = None
    instructions: str | None = None


@dataclass(frozen=True)
class Recorded(RecordingOptions):
    """A recording as a program sends it."""

    model: str
    upload: Upload
    stream: bool = False


class AudioService:
    """What the operations under `/v1/audio` do; `transcriber` is the server's own speech recognition.

    `own_voice` speaks where no endpoint has its model, in one of these `voices`."""

    def __init__(
        self,
        work: Work,
        transcriber: Transcriber,
        own_voice: Picked | None = None,
        voices: Sequence[str] = (),
    ) -> None:
        self.voices = tuple(voices) or USUAL_VOICES
        self._work = work
        self._own_voice = own_voice
        self._transcriber = transcriber

    def speak(self, caller: Caller, said: Said) -> Pending:
        """Speech as it comes."""
        texts = [text for text in (said.text, said.instructions) if text]
        job = self._work.job(caller, said.model, texts)
        own = self._own_voice
        if own and said.model in own.settings.models and self._work.may_ask(caller, OWN, said.model):
            job = replace(job, otherwise=own)
        return Pending(lambda: self._speak(job, said))

    @property
    def reads_aloud(self) -> bool:
        """Whether there is a voice of the server's own."""
        return self._own_voice is not None

    def check_voice(self, caller: Caller) -> Picked:
        """The server's own voice. Raises `NotFound` where there is none that the caller may ask."""
        own = self._own_voice
        if own is None or not self._work.may_ask(caller, OWN, own.wanted.model):
            raise NotFound
        return own

    def read_aloud(self, caller: Caller, text: str, voice: str | None) -> Pending:
        """A text in the server's own voice, as it comes: MP3. A voice that is none of `voices` is the first of them.

        Long texts are said in parts, one after the other. Raises as `check_voice` does, `Unprocessable`
        (`nothing_to_say`) for a text of nothing, and `PayloadTooLarge`.
        """
        own = self.check_voice(caller)
        if not text.strip():
            raise Unprocessable("There is nothing to be read aloud.", code="nothing_to_say")
        if len(text) > MAX_READ:
            raise PayloadTooLarge(f"A text that is read aloud may have {MAX_READ} characters.")
        chosen = voice if voice in self.voices else self.voices[0]
        job = replace(self._work.job(caller, own.wanted.model, [text]), fixed=own)
        return Pending(lambda: self._speak(job, Said(own.wanted.model, text, chosen)))

    async def _speak(self, job: Job, said: Said) -> tuple[EventStream, int, Json]:
        pieces = self._pieces(job, said)
        # Up to the first sound: what goes wrong before has a status of its own.
        media_type = await anext(pieces)
        return EventStream(pieces), 200, {**job.spending.headers, "Content-Type": media_type.decode()}

    async def _pieces(self, job: Job, said: Said) -> AsyncGenerator[bytes, None]:
        """The media type once the provider has begun, then what it says."""
        async with (
            self._work.begun(job) as (picked, refusal),
            aclosing(poured(picked, said)) as sounds,
            aclosing(with_pulse(sounds, PULSE_SECONDS, refusal)) as beats,
        ):
            begun = False
            async for sound in beats:
                if isinstance(sound, Signal):
                    continue
                if not begun:
                    begun = True
                    # Also where the client does not hear it out.
                    job.spending.worked()
                    yield media_type_of(sound.media_type, said.format).encode()
                yield sound.content

    def write_down(self, caller: Caller, recorded: Recorded) -> tuple[Json | str, int, Json] | Pending:
        """What is said in a recording: an object, or a text, as the format has it, with status and headers.

        Raises `UnsupportedMediaType` and `Unprocessable` for what is no recording, before anybody is asked.
        """
        if recorded.model == self._transcriber.model and self._work.may_ask(caller, OWN, recorded.model):
            return self._own(caller, recorded)
        upload = recorded.upload
        name = f"audio.{suffix_of(upload.stream)}"
        # The type of a part decides nothing at services: they go by the name's suffix.
        file = FormFile("file", name, "application/octet-stream", upload.stream, upload.size)
        texts = [recorded.prompt] if recorded.prompt else []
        job = self._work.job(caller, recorded.model, texts)
        if recorded.stream:
            return Pending(lambda: self._dictate(job, recorded, file))

        async def make() -> tuple[Json | str, int, Json]:
            made = await self._work.whole(job, lambda picked: written(picked, recorded, file))
            return made, 200, job.spending.headers

        return Pending(make)

    async def _dictate(self, job: Job, recorded: Recorded, file: FormFile) -> tuple[EventStream, int, Json]:
        frames = self._dictated(job, recorded, file)
        # Up to the first event: what goes wrong before has a status of its own.
        await anext(frames)
        return EventStream(frames), 200, job.spending.headers

    async def _dictated(self, job: Job, recorded: Recorded, file: FormFile) -> AsyncGenerator[bytes, None]:
        """The frames, after an empty one as soon as the provider has begun, or a while has passed."""
        async with (
            self._work.begun(job) as (picked, refusal),
            aclosing(picked.pour(dictation(picked.settings, as_request(picked, recorded, file)))) as events,
            aclosing(with_pulse(events, PULSE_SECONDS, refusal)) as beats,
        ):
            first = await anext(beats, OVER)
            yield b""
            try:
                event: Json | Signal = first
                while event is not OVER:
                    yield SILENT if isinstance(event, Signal) else self._told(job, event)
                    event = await anext(beats, OVER)
            except Exception as exc:
                yield error_frame(to_api_error(exc))

    @staticmethod
    def _told(job: Job, event: Json) -> bytes:
        job.spending.wrote(event.get("delta", ""))
        if usage := event.get("usage"):
            job.spending.told(usage["input_tokens"], usage["output_tokens"])
        return frame(event)

    def _own(self, caller: Caller, recorded: Recorded) -> tuple[Json | str, int, Json]:
        """By the server's own recognition, in this thread. Raises `Unprocessable` for what it does not have.

        It takes no tokens, and counts as a request of an API key's.
        """
        if recorded.stream:
            reason = "is not something that the server's own speech recognition has"
            raise Unprocessable(
                "The server's own speech recognition has no streams.",
                code="unsupported_parameter",
                errors=(FieldError("stream", reason),),
            )
        if recorded.operation == "translations" or recorded.format not in OWN_FORMATS:
            raise Unprocessable(
                "The server's own speech recognition gives the text alone, as json or text.",
                code="not_offered",
            )
        spending = self._work.spending(caller)
        with spending.counted_here():
            text = self._transcriber.transcribe(recorded.upload)
        return ({"text": text} if recorded.format == "json" else f"{text}\n"), 200, spending.headers


async def poured(picked: Picked, said: Said) -> AsyncGenerator[Sound, None]:
    """What the endpoint says, part after part of a text that is too long for it at once."""
    for part in parts_of(said.text) if said.format == "mp3" else [said.text]:
        async with aclosing(picked.pour(spoken(picked, replace(said, text=part)))) as sounds:
            async for sound in sounds:
                yield sound


def parts_of(text: str) -> list[str]:
    """A text in parts that OpenAI's models take, which end with a sentence or a word where they can."""
    parts = []
    while len(text) > MAX_SPOKEN:
        ends = [match.end() for match in SENTENCE.finditer(text, 0, MAX_SPOKEN)]
        end = ends[-1] if ends else (text.rfind(" ", 1, MAX_SPOKEN) + 1) or MAX_SPOKEN
        parts.append(text[:end])
        text = text[end:]
    return [*parts, text]


def spoken(picked: Picked, said: Said) -> Flow[Sound]:
    """How the endpoint is asked to say it."""
    request = SpeechRequest(picked.wanted, said.text, said.voice, said.format, said.speed, said.instructions)
    return speech_flow(picked.settings, request)


async def written(picked: Picked, recorded: Recorded, file: FormFile) -> Json | str:
    """What the endpoint's provider understood."""
    return await picked.ask(recording_errand(picked.settings, as_request(picked, recorded, file)))


def as_request(picked: Picked, recorded: Recorded, file: FormFile) -> RecordingRequest:
    """A recording as the endpoint's provider gets it."""
    options = {each.name: getattr(recorded, each.name) for each in fields(RecordingOptions)}
    return RecordingRequest(picked.wanted, file, **options)
