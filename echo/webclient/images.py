"""What images are made of, as far as it matters here: OCI's manifests and indexes, and Docker's, which are alike.

https://github.com/opencontainers/image-spec
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from echo.webclient.failures import Unfit

MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_LAYERS = 200
MAX_LAYER_BYTES = 8 * 1024**3
# The client is the same for all; this one has every image.
PLATFORM = ("linux", "amd64")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Layer:
    """A layer: how many bytes it has, packed, and its SHA-256 where that is known; or else its name in an archive."""

    size: int
    sha256: str | None
    name: str = ""


@dataclass(frozen=True)
class Manifest:
    """The layers of an image, the lowest first; the digest that names the image, and its version, where known."""

    layers: tuple[Layer, ...]
    digest: str | None
    version: str | None

    @property
    def size(self) -> int:
        """How many bytes all layers have, packed."""
        return sum(layer.size for layer in self.layers)


class Image(Protocol):
    """Where an image is read from."""

    def manifest(self) -> Manifest:
        """What it is made of. Raises `InstallError`."""

    def layer(self, layer: Layer) -> AbstractContextManager[BinaryIO]:
        """The bytes of a layer, packed and not checked. Raises `InstallError`, also while they are read."""


def parse(content: bytes, digest: str | None = None) -> dict[str, Any]:
    """A manifest or an index; raises `Unfit` where it is none, or not the one with this digest."""
    if digest is not None and digest != digest_of(content):
        raise Unfit(f"The image is not the one that was asked for: its digest is not {digest}.")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unfit("The image has a manifest that cannot be read.") from error
    if not isinstance(document, dict):
        raise Unfit("The image has a manifest that cannot be read.")
    return document


def is_index(document: dict[str, Any]) -> bool:
    """Whether it lists manifests, one for each platform."""
    return isinstance(document.get("manifests"), list)


def choose(index: dict[str, Any]) -> str:
    """The digest of the manifest to take from an index."""
    listed = [each for each in index["manifests"] if isinstance(each, dict)]
    for wanted in (_is_ours, _may_be_ours):
        for each in listed:
            if wanted(each):
                return str(each.get("digest"))
    raise Unfit(f"The image is for no platform that is known: {'/'.join(PLATFORM)} is missing.")


def layers_of(document: dict[str, Any]) -> tuple[Layer, ...]:
    """The layers that a manifest names; raises `Unfit`."""
    listed = document.get("layers")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise Unfit("The image has a manifest that names no layers.")
    if len(listed) > MAX_LAYERS:
        raise Unfit(f"The image has more than {MAX_LAYERS} layers.")
    return tuple(_layers(listed))


def digest_of(content: bytes) -> str:
    """The digest that a manifest is named by."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def sha256_of(digest: object) -> str:
    """The SHA-256 of a digest; raises `Unfit` for one of another kind."""
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise Unfit(f"The image has a digest that is no SHA-256: {ascii(digest)[:100]}.")
    return digest.removeprefix("sha256:")


def _layers(listed: list[dict[str, Any]]) -> Iterator[Layer]:
    for each in listed:
        size = each.get("size")
        if not isinstance(size, int) or not 0 <= size <= MAX_LAYER_BYTES:
            raise Unfit(f"A layer is larger than {MAX_LAYER_BYTES // 1024**3} GiB, or its size is missing.")
        yield Layer(size, sha256_of(each.get("digest")))


def _is_ours(descriptor: dict[str, Any]) -> bool:
    platform = descriptor.get("platform")
    return isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) == PLATFORM


def _may_be_ours(descriptor: dict[str, Any]) -> bool:
    """For Linux on another machine, or an archive's only image; what describes how it was built has no system."""
    platform = descriptor.get("platform")
    return platform is None or (isinstance(platform, dict) and platform.get("os") == PLATFORM[0])
