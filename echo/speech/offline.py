"""The offline recogniser of the `[speech]` extra: PocketSphinx with its English model."""

import importlib.util
import threading
from functools import cached_property
from typing import Any

from echo.handling.upload import Upload
from echo.speech.decode import SAMPLE_RATE, decode
from echo.speech.voice import has_voice

REQUIRED = ("av", "pocketsphinx", "webrtcvad")


class OfflineTranscriber:
    """Recognises English on this machine; one recording at a time in each process."""

    is_there = True
    model = "pocketsphinx"

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @staticmethod
    def is_installed() -> bool:
        """Whether the extra is there."""
        return all(importlib.util.find_spec(name) for name in REQUIRED)

    @cached_property
    def _decoder(self) -> Any:
        from pocketsphinx import Decoder  # noqa: PLC0415 - its model takes 50 MB, so only where it is used

        return Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def load(self) -> None:
        """Load the model now; raises whatever keeps it from working."""
        with self._lock:
            _ = self._decoder

    def transcribe(self, upload: Upload) -> str:
        """What is said; empty where nobody speaks. Raises as `decode` does."""
        samples = decode(upload.stream)
        if not has_voice(samples):
            return ""
        with self._lock:
            self._decoder.start_utt()
            self._decoder.process_raw(samples, full_utt=True)
            self._decoder.end_utt()
            hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr).strip() if hypothesis else ""
