"""Images in a file: what `docker save` writes, and OCI's layout in an archive."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from echo.webclient import images
from echo.webclient.failures import Unfit
from echo.webclient.images import Layer, Manifest
from echo.webclient.layers import DAMAGED, BoundedMember

OCI, DOCKER = "index.json", "manifest.json"
NAME = "org.opencontainers.image.ref.name"


class Archive:
    """One image in an archive, compressed or not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def manifest(self) -> Manifest:
        """What the image is made of. Raises `Unfit`."""
        with self._opened() as tar:
            if OCI in tar.getnames():
                return self._of_oci(tar)
            if DOCKER in tar.getnames():
                return self._of_docker(tar)
        raise Unfit(f"{self._path} is no image: it has neither {OCI} nor {DOCKER}.")

    @contextmanager
    def layer(self, layer: Layer) -> Iterator[BinaryIO]:
        """The bytes of a layer, packed and not checked."""
        with self._opened() as tar:
            yield _member(tar, layer.name or f"blobs/sha256/{layer.sha256}")

    @contextmanager
    def _opened(self) -> Iterator[tarfile.TarFile]:
        try:
            with tarfile.open(self._path, tarinfo=BoundedMember) as tar:
                yield tar
        except DAMAGED as error:
            raise Unfit(f"{self._path} is no image, or damaged: {error}.") from error

    def _of_oci(self, tar: tarfile.TarFile) -> Manifest:
        document = images.parse(_read(tar, OCI))
        digest: str | None = None
        annotations: dict[str, Any] = {}
        # An index may lead to another one, of platforms.
        for _ in range(3):
            if not images.is_index(document):
                break
            chosen = images.choose(document)
            annotations = annotations or _annotations(document, chosen)
            digest = digest or chosen
            document = images.parse(_read(tar, f"blobs/sha256/{images.sha256_of(chosen)}"), chosen)
        return Manifest(images.layers_of(document), digest, _version(annotations.get(NAME)))

    def _of_docker(self, tar: tarfile.TarFile) -> Manifest:
        listed = images.parse(b'{"images": %b}' % _read(tar, DOCKER))["images"]
        if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
            raise Unfit(f"{self._path} has several images, or none.")
        names, tags = listed[0].get("Layers"), listed[0].get("RepoTags")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Unfit("The image has a manifest that names no layers.")
        if len(names) > images.MAX_LAYERS:
            raise Unfit(f"The image has more than {images.MAX_LAYERS} layers.")
        layers = tuple(Layer(_size(tar, name), None, name) for name in names)
        return Manifest(layers, None, _version(tags[0]) if isinstance(tags, list) and tags else None)


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    content = _member(tar, name).read(images.MAX_MANIFEST_BYTES + 1)
    if len(content) > images.MAX_MANIFEST_BYTES:
        raise Unfit("The image has a manifest that is too large.")
    return content


def _member(tar: tarfile.TarFile, name: str) -> BinaryIO:
    """A file of the archive, or the one that a link in it leads to: equal layers are written once."""
    try:
        content = tar.extractfile(name)
    except KeyError:
        content = None
    if content is None:
        raise Unfit(f"The image is not complete: {ascii(name)[:200]} is missing.")
    return cast("BinaryIO", content)


def _size(tar: tarfile.TarFile, name: str) -> int:
    size: int = cast("Any", _member(tar, name)).seek(0, 2)
    return size


def _annotations(index: dict[str, Any], digest: str) -> dict[str, Any]:
    found = next(
        each for each in index["manifests"] if isinstance(each, dict) and each.get("digest") == digest
    )
    annotations = found.get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def _version(name: object) -> str | None:
    """The tag of a name with a tag, or a tag alone."""
    return name.rpartition(":")[2][:128] if isinstance(name, str) and name.isprintable() else None
