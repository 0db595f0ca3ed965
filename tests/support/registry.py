"""A small OCI registry on loopback, and images for it that tests put together a layer at a time."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.support.loopback import Provider, provider
from tests.support.web_client import FILES

DIST = "app/client/dist/"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TOKEN = "a-token-for-anybody"
CLIENT = [(f"{DIST}{name}", content) for name, content in FILES.items()]

Entry = tuple[str, bytes] | tarfile.TarInfo


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def archive(entries: Iterable[Entry]) -> bytes:
    """A tar archive of files, given by name and content, and of anything else."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
                continue
            member = tarfile.TarInfo(entry[0])
            member.size, member.mtime = len(entry[1]), 1_700_000_000
            tar.addfile(member, io.BytesIO(entry[1]))
    return written.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A link, a device, a directory."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def packed(entries: Iterable[Entry]) -> bytes:
    """A layer as images have it."""
    return gzip.compress(archive(entries), mtime=0)


@dataclass
class Image:
    """An image: its layers, and its manifest as it is named."""

    layers: list[bytes]
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def manifest(self) -> bytes:
        layers = [{"digest": digest_of(layer), "size": len(layer)} for layer in self.layers]
        return json.dumps(
            {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": layers, **self.changes}
        ).encode()

    @property
    def index(self) -> bytes:
        """An index with this image for the usual machine, another's for another, and how they were built."""
        other = Image([packed([("README", b"for another machine")])]).manifest
        listed = [
            ("linux", "arm64", digest_of(other)),
            ("linux", "amd64", digest_of(self.manifest)),
            ("unknown", "unknown", digest_of(b"how it was built")),
        ]
        manifests = [
            {"mediaType": OCI_MANIFEST, "digest": digest, "platform": {"os": system, "architecture": machine}}
            for system, machine, digest in listed
        ]
        return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()

    @property
    def blobs(self) -> dict[str, bytes]:
        return {digest_of(layer): layer for layer in self.layers}


BASE = [("etc/passwd", b"root"), special("bin", tarfile.SYMTYPE, "usr/bin"), ("app/package.json", b"{}")]
LIBRECHAT = Image([packed(BASE), packed(CLIENT), packed([("app/api/server.js", b"")])])


@dataclass
class Registry:
    """A running registry: which image it has by which tag, what it answers instead, and what it was asked."""

    running: Provider
    tags: dict[str, Image]
    instead: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    wants_token: bool = True

    @property
    def host(self) -> str:
        return self.running.url.removeprefix("http://")

    def name(self, tag: str = "v1") -> str:
        return f"{self.host}/danny-avila/librechat:{tag}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, without the registry's own part of it."""
        return [request.path.removeprefix("/v2/danny-avila/librechat/") for request in self.running.requests]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.removeprefix("/v2/danny-avila/librechat/")
        if path.startswith("/token?"):
            self._send(handler, 200, {}, json.dumps({"token": TOKEN}).encode())
        elif self.wants_token and handler.headers["Authorization"] != f"Bearer {TOKEN}":
            scope = "repository:danny-avila/librechat:pull"
            challenge = f'Bearer realm="{self.running.url}/token",service="tests",scope="{scope}"'
            self._send(handler, 401, {"WWW-Authenticate": challenge}, b"{}")
        else:
            self._send(handler, *(self.instead.get(path) or self._found(path)))

    def _found(self, path: str) -> tuple[int, dict[str, str], bytes]:
        kind, _, name = path.partition("/")
        for tag, image in self.tags.items():
            by_name = {tag: image.index, digest_of(image.index): image.index}
            by_name[digest_of(image.manifest)] = image.manifest
            content = (by_name if kind == "manifests" else image.blobs).get(name)
            if content is not None:
                return 200, {}, content
        return 404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def registry(**tags: Image) -> Iterator[Registry]:
    """A registry that has these images by their tags; LibreChat's as "v1" where none is given."""
    there = Registry(Provider(""), tags or {"v1": LIBRECHAT})
    with provider(there.answer) as there.running:
        yield there


def write_oci(path: Path, image: Image, tag: str = "v1") -> Path:
    """The image as an archive of OCI's layout."""
    index = json.loads(image.index)
    for each in index["manifests"]:
        each["annotations"] = {"org.opencontainers.image.ref.name": tag}
    named = {digest_of(image.manifest): image.manifest, **image.blobs}
    files = [(f"blobs/{digest.replace(':', '/')}", content) for digest, content in named.items()]
    path.write_bytes(archive([("oci-layout", b"{}"), ("index.json", json.dumps(index).encode()), *files]))
    return path


def write_docker(path: Path, layers: list[bytes]) -> Path:
    """The layers as an archive that older versions of `docker save` write; equal ones are links there."""
    names = [f"layer{number}/layer.tar" for number in range(len(layers))]
    described = [{"Config": "x.json", "RepoTags": ["librechat:v7"], "Layers": [*names, "again/layer.tar"]}]
    link = special("again/layer.tar", tarfile.SYMTYPE, f"../{names[-1]}")
    files = list(zip(names, layers, strict=True))
    path.write_bytes(
        gzip.compress(archive([*files, link, ("manifest.json", json.dumps(described).encode())]))
    )
    return path
