"""Is anyone speaking? A recogniser hears words in silence and noise, so it is only asked where there is a voice."""

from echo.speech.decode import BYTES_PER_SAMPLE, SAMPLE_RATE

FRAME_MILLISECONDS = 30
FRAME_BYTES = SAMPLE_RATE * FRAME_MILLISECONDS // 1000 * BYTES_PER_SAMPLE
# WebRTC's detector takes 0 to 3; at 3 it lets the fewest false alarms through.
AGGRESSIVENESS = 3
# A spoken syllable lasts longer than this; clicks do not.
MIN_VOICED_FRAMES = 6


def has_voice(samples: bytes) -> bool:
    """Whether there is speech in 16 kHz mono samples."""
    import webrtcvad  # noqa: PLC0415 - of the `[speech]` extra

    detector = webrtcvad.Vad(AGGRESSIVENESS)
    in_a_row = 0
    for start in range(0, len(samples) - FRAME_BYTES + 1, FRAME_BYTES):
        voiced = detector.is_speech(samples[start : start + FRAME_BYTES], SAMPLE_RATE)
        in_a_row = in_a_row + 1 if voiced else 0
        if in_a_row >= MIN_VOICED_FRAMES:
            return True
    return False
