"""What kind of recording bytes are, found from them alone: browsers and apps name the wrong type, or none."""

import re
from typing import BinaryIO

from echo.errors import Unprocessable, UnsupportedMediaType
from echo.files.kinds import HEAD_BYTES, find_type

# Services go by the suffix of the name. Those of OpenAI's protocol take flac, m4a, mp3, mp4, mpeg, mpga, oga, ogg,
# wav and webm; what others may take in addition goes under its own suffix. QuickTime is what MP4 was made from, and
# WebM is a kind of Matroska.
_BY_TYPE = {
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/webm": "webm",
    "video/mp4": "mp4",
    "video/ogg": "ogg",
    "video/quicktime": "mp4",
    "video/webm": "webm",
    "video/x-matroska": "webm",
}
# Recordings that nobody uploads as a file. An MP4 may be of any brand but those of pictures.
_MORE = tuple(
    (re.compile(pattern, re.DOTALL), suffix)
    for pattern, suffix in (
        (rb"FORM....AIF[FC]", "aiff"),
        (rb"#!AMR", "amr"),
        (rb"caff\x00\x01", "caf"),
        (rb"\.snd\x00", "au"),
        # Other tags may stand before a FLAC than its own.
        (rb"ID3[\x02-\x04].{0,4000}?fLaC\x00\x00\x00\x22", "flac"),
        (rb"....ftyp(?!M4[AB] |avi|crx|he[iv]|jp|mi[af]|msf)", "mp4"),
    )
)


def suffix_of(stream: BinaryIO) -> str:
    """The suffix that says what the recording is.

    Raises `Unprocessable` (`unreadable_audio`) for an empty one and `UnsupportedMediaType` (`unsupported_audio`) for
    what is no recording.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    if not head:
        raise Unprocessable("The recording is empty.", code="unreadable_audio")
    for pattern, suffix in _MORE:
        if pattern.match(head):
            return suffix
    try:
        return _BY_TYPE[find_type(stream, "")]
    except (KeyError, UnsupportedMediaType) as error:
        raise unsupported() from error


def unsupported() -> UnsupportedMediaType:
    """The error for what is no recording, or of a format that is not taken."""
    return UnsupportedMediaType("That is no audio that this server takes.", code="unsupported_audio")
