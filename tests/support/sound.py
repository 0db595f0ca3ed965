"""Recordings for tests: made by code, or one short file of speech, in any format."""

import io
import math
import random
import struct
from pathlib import Path

import av
from av.audio.resampler import AudioResampler

SPEECH = Path(__file__).parents[1] / "speech" / "audio" / "one-to-five.flac"
RATE = 16_000
FORMATS = {
    "wav": "pcm_s16le",
    "flac": "flac",
    "mp3": "mp3",
    "ogg": "libopus",
    "webm": "libopus",
    "mp4": "aac",
}


def wav(samples: list[int]) -> bytes:
    """Samples as a WAV file."""
    data = struct.pack(f"<{len(samples)}h", *samples)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(data),
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        RATE,
        RATE * 2,
        2,
        16,
        b"data",
        len(data),
    )
    return head + data


def silence(seconds: float) -> bytes:
    return wav([0] * int(RATE * seconds))


def tone(seconds: float, hertz: int = 440) -> bytes:
    return wav([int(8000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(int(RATE * seconds))])


def noise(seconds: float, loudness: int = 300) -> bytes:
    chance = random.Random(1)
    return wav([chance.randint(-loudness, loudness) for _ in range(int(RATE * seconds))])


def speech(container: str) -> bytes:
    """The spoken sample in another format."""
    target = io.BytesIO()
    with av.open(str(SPEECH)) as source, av.open(target, "w", format=container) as output:
        rate = 48_000 if FORMATS[container] in ("libopus", "aac") else RATE
        stream = output.add_stream(FORMATS[container], rate=rate, layout="mono")
        resampler = AudioResampler(
            format=stream.codec_context.format,
            layout="mono",
            rate=rate,
            frame_size=stream.codec_context.frame_size or None,
        )
        for frame in source.decode(audio=0):
            for part in resampler.resample(frame):
                output.mux(stream.encode(part))
        for part in resampler.resample(None):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return target.getvalue()
