"""Speech to text: a configured service, or an offline recogniser."""

from echo.speech.transcriber import Transcriber, build_transcriber

__all__ = ["Transcriber", "build_transcriber"]
