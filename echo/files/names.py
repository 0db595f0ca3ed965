"""The name under which a file is shown. It is never used as a path."""

import re
import unicodedata

MAX_NAME_BYTES = 255
MAX_SUFFIX_BYTES = 32
UNNAMED = "file"
# Of a name on the disk: the id before it and its ending leave room for more, which nobody needs.
MAX_STEM = 100

# Marks that make a name read in another order than it is stored: "gpj.exe" shown for "exe.jpg" (CVE-2021-42574).
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# Control characters, lone surrogates, and the two separators that some programs take for the end of a line.
_UNSHOWN = {"Cc", "Cs", "Zl", "Zp"}


def shown_name(sent: str) -> str:
    """What is kept of the name that a client sent: its last part, in NFC, without what cannot be seen.

    At most 255 bytes of UTF-8, the most that a file system takes, so that whoever downloads the file can save it;
    a longer name loses its middle and keeps its suffix. A name of which nothing is left becomes "file".
    """
    last = re.split(r"[/\\]", sent)[-1]
    seen = "".join(character for character in last if unicodedata.category(character) not in _UNSHOWN)
    name = unicodedata.normalize("NFC", _DIRECTION.sub("", seen)).strip()
    return UNNAMED if name.strip(".") == "" else _shortened(name)


def path_name(shown: str, media_type: str) -> str:
    """A name for the disk that tells people which picture it is: ASCII letters, digits, `-`, `_` and one ending.

    As in LibreChat everything else becomes `_`. Only behind an id is it one that no other file has.
    """
    stem = shown.rpartition(".")[0] or shown
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', stem)[:MAX_STEM]}.{media_type.removeprefix('image/')}"


def suffix_of(name: str) -> str:
    """What follows the last dot of a name, in lower case and without the dot; "" if there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    tail = dot + suffix
    if not stem or len(tail.encode()) > MAX_SUFFIX_BYTES:
        stem, tail = name, ""
    room = MAX_NAME_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore") + tail
