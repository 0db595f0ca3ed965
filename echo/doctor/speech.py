"""Speech to text: which recogniser there is, and whether it works."""

import io
import wave
from collections.abc import Iterator

from echo.doctor.findings import Examined, Finding, failed, ok, skipped, warning
from echo.doctor.providers import probe
from echo.handling.upload import Upload
from echo.settings import SpeechSettings
from echo.speech.decode import BYTES_PER_SAMPLE, SAMPLE_RATE
from echo.speech.offline import OfflineTranscriber
from echo.speech.remote import credentials

ABOUT = "speech"
INSTALL = 'Install it (pip install "echo-api[speech]"), '


def check_speech(examined: Examined) -> Iterator[Finding]:
    """As `echo.speech.build_transcriber` chooses."""
    if examined.settings is None:
        yield skipped(ABOUT, "see the settings above")
        return
    speech = examined.settings.speech
    if speech.mode == "off":
        yield ok(ABOUT, "is switched off (ECHO_STT)")
    elif speech.mode == "auto" and speech.api_key:
        yield _check_service(speech, offline=examined.offline)
    elif OfflineTranscriber.is_installed():
        yield check_recogniser()
    elif speech.mode == "offline":
        yield failed(ABOUT, "the offline recogniser is not installed", INSTALL + "or take ECHO_STT out.")
    else:
        todo = INSTALL + "set STT_API_KEY for a service, or ECHO_STT=off if nobody needs it."
        yield warning(ABOUT, "nothing is set up: recordings are answered with 503", todo)


def _check_service(speech: SpeechSettings, *, offline: bool) -> Finding:
    if offline:
        return skipped(ABOUT, "the service is not asked")
    found = probe(ABOUT, speech.url, credentials(speech), setting="STT_API_KEY")
    # It takes recordings, and we send none: that it says so is all that we ask for.
    if found.what.endswith(("answers 400", "answers 404", "answers 405", "answers 415", "answers 422")):
        return ok(ABOUT, f"{found.what.partition(' ')[0]} answers")
    return found


def check_recogniser() -> Finding:
    """Let the offline recogniser decode a second of silence, and load its model."""
    recogniser = OfflineTranscriber()
    try:
        sound = silence()
        recogniser.transcribe(Upload(io.BytesIO(sound), "silence.wav", "audio/wav", len(sound)))
        recogniser.load()
    except Exception as error:
        # A library that does not load may raise anything.
        what = f"the offline recogniser does not work ({type(error).__name__})"
        return failed(ABOUT, what, 'Install it again: pip install --force-reinstall "echo-api[speech]".')
    return ok(ABOUT, "the decoder and the offline recogniser (English) work")


def silence() -> bytes:
    """A second of it, as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(BYTES_PER_SAMPLE)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(bytes(SAMPLE_RATE * BYTES_PER_SAMPLE))
    return buffer.getvalue()
