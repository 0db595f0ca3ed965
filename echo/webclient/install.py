"""Installing a web client: from an image in a registry, from an image in a file, or from a directory."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from echo.webclient.archives import Archive
from echo.webclient.failures import InstallError, Unfit, Unreachable
from echo.webclient.files import NotAClient, find_files
from echo.webclient.images import Image, Manifest
from echo.webclient.installed import Installed, changing, home, put_in_place, read_record
from echo.webclient.layers import Measured, apply_layer
from echo.webclient.page import read_page
from echo.webclient.references import Reference, parse_reference
from echo.webclient.registry import Registry
from echo.webclient.staging import Staging

IMAGE = Reference("ghcr.io", "danny-avila/librechat", "v0.8.8-rc1")
# In a directory of LibreChat's, where its build puts the client.
BUILT = Path("client") / "dist"

Moved = Callable[[int], None]


class Source(Protocol):
    """Where a client is taken from: what it is called, and what is known of it before it is there."""

    name: str
    version: str | None
    digest: str | None
    # How many bytes have to be read.
    size: int

    def fill(self, staging: Staging, moved: Moved) -> None:
        """Put the client's files there, and tell of each piece that was read. Raises `InstallError`."""


@dataclass
class ImageSource:
    """An image whose manifest has been read."""

    name: str
    image: Image
    manifest: Manifest

    def __post_init__(self) -> None:
        self.version, self.digest, self.size = self.manifest.version, self.manifest.digest, self.manifest.size

    def fill(self, staging: Staging, moved: Moved) -> None:
        """One layer over the other, each read once and kept only where it holds the client."""
        for number, layer in enumerate(self.manifest.layers):
            with self.image.layer(layer) as stream:
                apply_layer(Measured(stream, layer.size, layer.sha256, moved), staging, number)


@dataclass
class DirectorySource:
    """A built client, or LibreChat's own directory with one in it."""

    directory: Path
    version: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        self.name = str(self.directory)
        is_outer = (self.directory / BUILT / "index.html").is_file()
        self._root = self.directory / BUILT if is_outer else self.directory
        if not (self._root / "index.html").is_file():
            raise Unfit(f"{self.directory} holds no built web client: it has no index.html.")
        self.size = sum(path.stat(follow_symlinks=False).st_size for path in self._paths())

    def fill(self, staging: Staging, moved: Moved) -> None:
        """Copy its files, the compressed variants too."""
        for path in self._paths():
            if path.is_symlink() or not path.is_file():
                raise Unfit(f"{path} is a link or a device, which no web client has.")
            found = path.stat()
            with path.open("rb") as content:
                staging.add(path.relative_to(self._root).parts, content, found.st_mtime)
            moved(found.st_size)

    def _paths(self) -> Iterator[Path]:
        for place, directories, names in os.walk(self._root):
            # `walk` does not enter a directory that is a link, and `fill` refuses it.
            paths = [Path(place) / name for name in (*directories, *names)]
            yield from sorted(path for path in paths if path.is_symlink() or not path.is_dir())


def open_source(given: str | None, version: str | None, *, plain_http: bool = False) -> Source:
    """The source that an operator names: a directory, a file, or an image; LibreChat's own image where none is.

    `version` is the image's tag, "0.8.8" for "v0.8.8". Raises `InstallError`, and asks a registry.
    """
    path = Path(given).expanduser() if given else None
    if path and path.exists():
        if version:
            raise InstallError("--version says which image to take, and --from names a file or a directory.")
        if path.is_dir():
            return DirectorySource(path.absolute())
        archive = Archive(path.absolute())
        return ImageSource(str(path.absolute()), archive, archive.manifest())
    reference = parse_reference(given) if given else IMAGE
    if reference is None or (given and given.startswith((".", "/", "~"))):
        raise InstallError(f"There is no file or directory {given}, and it is no name of an image.")
    if version:
        tag = f"v{version}" if version[0].isdigit() else version
        reference = parse_reference(f"{reference.host}/{reference.repository}:{tag}")
        if reference is None:
            raise InstallError(f"{version} is no version of an image.")
    registry = Registry(reference, plain_http=plain_http)
    return ImageSource(str(reference), registry, registry.manifest())


def is_installed(data_dir: Path, source: Source) -> bool:
    """Whether this very image is the installed one, and complete."""
    try:
        record = read_record(data_dir)
        if record is None or source.digest is None or record.digest != source.digest:
            return False
        return len(find_files(home(data_dir) / record.directory)) > 0
    except NotAClient:
        return False


def install(data_dir: Path, source: Source, moved: Moved = lambda _: None) -> Installed:
    """Install a client into the data directory, all of it or nothing; servers that run keep the one that they have.

    Raises `InstallError`, and `OSError` where the disk takes no files.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with changing(data_dir) as place:
        incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=place))
        try:
            staging = Staging(incoming)
            source.fill(staging, moved)
            _check(incoming, source.name)
            staging.sync()
            record = Installed(
                directory=f"{staging.fingerprint[:12]}-{token_hex(3)}",
                source=source.name,
                version=source.version,
                digest=source.digest,
                files=staging.files,
                bytes=staging.bytes,
                installed_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
            put_in_place(place, incoming, record)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    return record


def _check(directory: Path, name: str) -> None:
    try:
        read_page(find_files(directory)["index.html"], "/")
    except NotAClient as error:
        raise Unfit(f"{name} holds no web client that could be served: it {error}.") from error


__all__ = ["InstallError", "Source", "Unreachable", "install", "is_installed", "open_source"]
