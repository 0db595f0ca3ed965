"""The files of a built web client: looked up once, so that no path of a client ever reaches the file system."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from mimetypes import MimeTypes
from pathlib import Path, PurePosixPath

# LibreChat's has some 500.
MAX_FILES = 20_000
# By the ending of a variant, the content coding (RFC 9110, section 8.4.1); the first that a client takes is sent.
ENCODINGS = {".br": "br", ".gz": "gzip"}
# Vite's names: `assets/<name>.<hash>.<ending>`. A file with the same name has the same content for ever.
HASHED = re.compile(r"assets/.*\.[A-Za-z0-9_-]{8,}\.[a-z0-9]+")
IMMUTABLE = "public, max-age=31536000, immutable"
# Icons, fonts and logos, whose names stay when their content changes.
FOR_A_DAY = "public, max-age=86400"
# What decides which other files are loaded: kept by browsers, and asked about each time.
ASK_FIRST = "no-cache"
# Those that Python does not know, or knows otherwise than browsers want them.
TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".xml": "application/xml",
    ".md": "text/markdown",
}
# Without the machine's own lists: a file has the same type everywhere.
_PYTHONS = MimeTypes()


class NotAClient(Exception):
    """A directory holds no built web client; the text is a sentence without its subject."""


@dataclass(frozen=True)
class ClientFile:
    """One file, its type, how long browsers may keep it, and its compressed variants by content coding."""

    path: Path
    media_type: str
    cache_control: str
    variants: Mapping[str, Path] = field(default_factory=dict)


def find_files(directory: Path) -> dict[str, ClientFile]:
    """Every file that is served, by its path below the directory.

    Hidden files are not, nor is what a link leads to outside of the directory. Raises `NotAClient`, also for a
    directory that cannot be read.
    """
    root = Path(os.path.realpath(directory))
    if not root.is_dir():
        raise NotAClient("is not a directory")
    paths: dict[str, Path] = {}
    for name, path in _regular_files(root):
        paths[name] = path
        if len(paths) > MAX_FILES:
            raise NotAClient(f"has more than {MAX_FILES} files (is it the directory of a client?)")
    if "index.html" not in paths:
        raise NotAClient("has no index.html")
    if not any(name.startswith("assets/") for name in paths):
        raise NotAClient("has no assets (was the client built?)")
    return {
        name: _client_file(name, path, paths) for name, path in paths.items() if not _is_variant(name, paths)
    }


def media_type(name: str) -> str:
    """The type of a file by its name."""
    ending = PurePosixPath(name).suffix.lower()
    return TYPES.get(ending) or _PYTHONS.guess_type(f"x{ending}")[0] or "application/octet-stream"


def is_file_name(path: str) -> bool:
    """Whether a path names a file of a kind that clients have, there or not; pages of the client have no ending."""
    ending = PurePosixPath(path).suffix.lower()
    return ending in TYPES or (ending != ".html" and _PYTHONS.guess_type(f"x{ending}")[0] is not None)


def regular(path: Path) -> os.stat_result | None:
    """What the system says of a file; None for one that is not there, or is none any more."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _regular_files(root: Path) -> Iterator[tuple[str, Path]]:
    def refuse(error: OSError) -> None:
        raise NotAClient(f"cannot be read: {error.strerror}") from error

    for place, directories, names in os.walk(root, onerror=refuse):
        directories[:] = [name for name in directories if _is_shown(name)]
        for name in filter(_is_shown, names):
            path = Path(os.path.realpath(Path(place) / name))
            if path.is_relative_to(root) and regular(path):
                yield (Path(place) / name).relative_to(root).as_posix(), path


def _is_shown(name: str) -> bool:
    return name.isprintable() and (not name.startswith(".") or name == ".well-known")


def _is_variant(name: str, paths: Mapping[str, Path]) -> bool:
    plain, dot, ending = name.rpartition(".")
    return f"{dot}{ending}" in ENCODINGS and plain in paths


def _client_file(name: str, path: Path, paths: Mapping[str, Path]) -> ClientFile:
    variants = {
        encoding: paths[name + ending] for ending, encoding in ENCODINGS.items() if name + ending in paths
    }
    return ClientFile(path, media_type(name), _cache_control(name), variants)


def _cache_control(name: str) -> str:
    if HASHED.fullmatch(name):
        return IMMUTABLE
    return FOR_A_DAY if name.startswith("assets/") else ASK_FIRST
