"""Any common audio format to what recognisers take: 16 kHz, mono, 16 bits."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from echo.errors import PayloadTooLarge, Unprocessable
from echo.speech.formats import unsupported

SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2
MAX_SECONDS = 600
# Containers that hold sound and nothing else to follow: no playlist, no list of files, no device, no network.
CONTAINERS = frozenset(
    {
        "wav",
        "mp3",
        "ogg",
        "flac",
        "aac",
        "aiff",
        "amr",
        "caf",
        "matroska",
        "webm",
        "mov",
        "mp4",
        "m4a",
        "w64",
        "au",
    }
)


def decode(stream: BinaryIO) -> bytes:
    """The sound as raw samples.

    Raises `UnsupportedMediaType` (`unsupported_audio`) for what is no audio, `Unprocessable` (`unreadable_audio`) for
    broken audio, `PayloadTooLarge` (`audio_too_long`) for more than ten minutes.
    """
    # Imported here: the `[speech]` extra may not be installed.
    import av  # noqa: PLC0415
    from av.error import FFmpegError  # noqa: PLC0415

    stream.seek(0)
    try:
        # An empty white list forbids every protocol: what is read comes from the stream alone.
        with av.open(stream, mode="r", options={"protocol_whitelist": ""}) as container:
            return b"".join(bounded(samples(av, container)))
    except (FFmpegError, ValueError, IndexError) as error:
        raise Unprocessable("The recording cannot be decoded.", code="unreadable_audio") from error


def samples(av: Any, container: Any) -> Iterator[bytes]:
    """The samples of the first audio stream, piece by piece."""
    if not CONTAINERS & set(container.format.name.split(",")) or not container.streams.audio:
        raise unsupported()
    audio = container.streams.audio[0]
    audio.thread_count = 1
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    for frame in container.decode(audio):
        frame.pts = None
        for part in resampler.resample(frame):
            yield raw(part)
    for part in resampler.resample(None):
        yield raw(part)


def raw(frame: Any) -> bytes:
    """The samples of a frame, without the padding of its plane."""
    return bytes(frame.planes[0])[: frame.samples * BYTES_PER_SAMPLE]


def bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, until they are too much: a small file can hold hours of silence."""
    room = MAX_SECONDS * SAMPLE_RATE * BYTES_PER_SAMPLE
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise PayloadTooLarge(f"Recordings may last {MAX_SECONDS} seconds.", code="audio_too_long")
        yield piece
