"""Services with files on loopback: a real server for S3, and small ones that speak as Azure and Firebase do."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import requests

from tests.support.threaded import serving
from tests.support.waiting import until

BUCKET = "echo-files"
# Moto looks at who asks, and not at the signature.
OWNER = {"Authorization": "AWS4-HMAC-SHA256 Credential=tests/20260101/us-east-1/s3/aws4_request"}
# Azure's own for programs that play it.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass
class S3Server:
    """Moto's server in a process of its own, with one bucket."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def environ(self) -> dict[str, str]:
        """The variables that name it."""
        return {
            "AWS_BUCKET_NAME": BUCKET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_FORCE_PATH_STYLE": "true",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests-only",
        }

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections meanwhile, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def get(self, key: str) -> requests.Response:
        """An object as it lies there, whoever may read it."""
        return requests.get(f"{self.url}/{BUCKET}/{key}", headers=OWNER, timeout=10)

    def put(self, key: str, content: bytes) -> None:
        """What another program put there."""
        requests.put(f"{self.url}/{BUCKET}/{key}", data=content, headers=OWNER, timeout=10).raise_for_status()

    def listed(self) -> list[str]:
        """All keys."""
        listing = requests.get(f"{self.url}/{BUCKET}?list-type=2", timeout=10).text
        return re.findall(r"<Key>(.*?)</Key>", listing)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Started, with an empty bucket."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        server = S3Server(f"http://127.0.0.1:{port}", process)
        try:
            until(lambda: _answers(f"{server.url}/{BUCKET}"))
            yield server
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return requests.put(url, timeout=10).ok
    except requests.ConnectionError:
        return False


@dataclass
class PlayedService:
    """A service that this process plays: its objects by their keys, and what it was asked for."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: bool = False
    # It looks at no ranges.
    whole: bool = False
    # Instead of what it would say of itself.
    says: bytes | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: PlayedService

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.service.asked.append(f"{self.command} {self.path}")
        if self.service.broken:
            self.answer(500, b"broken, and says <Code>canary</Code>")
            return
        self.play()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def play(self) -> None:
        raise NotImplementedError

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def answer_object(self, key: str, asked: str | None) -> None:
        content = self.service.objects.get(key)
        if content is None:
            self.answer(404)
            return
        more = {"ETag": f'"0x{len(content):X}"', "Last_Modified": "Thu, 26 Nov 2026 19:25:24 GMT"}
        more |= {"x_ms_blob_type": "BlockBlob", "Content_Type": self.service.kinds.get(key, "")}
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked or "")
        if found is None or self.service.whole:
            self.answer(200, content, **more)
            return
        start, end = int(found[1]), min(int(found[2]), len(content) - 1)
        if start > end:
            self.answer(416)
            return
        span = f"bytes {start}-{end}/{len(content)}"
        self.answer(206, content[start : end + 1], Content_Range=span, **more)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Azure(_Handler):
    """https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api, as far as it is asked for."""

    def play(self) -> None:
        signed = self.headers.get("Authorization", "").startswith(f"SharedKey {AZURE_ACCOUNT}:")
        if not (signed or "sig" in self.query):
            self.answer(403)
            return
        key = unquote(urlsplit(self.path).path).removeprefix(f"/{AZURE_ACCOUNT}/files").lstrip("/")
        getattr(self, f"play_{self.command.lower()}")(key)

    def play_put(self, key: str) -> None:
        if self.query.get("comp") == "block":
            self.service.parts[self.query["blockid"]] = self.body
        elif self.query.get("comp") == "blocklist":
            ids = re.findall(rb"<(?:Latest|Uncommitted|Committed)>(.*?)</", self.body)
            self.store(key, b"".join(self.service.parts.pop(each.decode()) for each in ids))
        else:
            assert self.headers["x-ms-blob-type"] == "BlockBlob"
            self.store(key, self.body)
        self.answer(201, ETag='"0x1"')

    def store(self, key: str, content: bytes) -> None:
        self.service.objects[key] = content
        self.service.kinds[key] = self.headers.get("x-ms-blob-content-type", "")

    def play_get(self, key: str) -> None:
        if self.query.get("comp") != "list":
            self.answer_object(key, self.headers.get("x-ms-range") or self.headers.get("Range"))
            return
        prefix = self.query.get("prefix", "")
        found = (
            f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>Thu, 26 Nov 2026 19:25:24 GMT"
            f"</Last-Modified><Etag>0x1</Etag><Content-Type>text/plain</Content-Type><Content-Length>{len(content)}</Content-Length></Properties></Blob>"
            for name, content in sorted(self.service.objects.items())
            if name.startswith(prefix)
        )
        listing = f"<EnumerationResults><Blobs>{''.join(found)}</Blobs><NextMarker /></EnumerationResults>"
        self.answer(200, listing.encode(), Content_Type="application/xml")

    play_head = play_get

    def play_post(self, key: str) -> None:
        """Several deletions in one request (`comp=batch`), each answered in a part of its own."""
        boundary = "batchresponse_1"
        parts = []
        for number, found in enumerate(re.findall(rb"DELETE (\S+) HTTP/1.1", self.body)):
            name = (
                unquote(urlsplit(found.decode()).path)
                .removeprefix(f"/{AZURE_ACCOUNT}")
                .partition("files/")[2]
            )
            gone = self.service.objects.pop(name, None) is not None
            status = "202 Accepted" if gone else "404 The specified blob does not exist."
            reason = "" if gone else "x-ms-error-code: BlobNotFound\r\n"
            parts.append(
                f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
                f"HTTP/1.1 {status}\r\n{reason}x-ms-version: 2023-11-03\r\n\r\n"
            )
        content = ("".join(parts) + f"--{boundary}--\r\n").encode()
        self.answer(202, content, Content_Type=f"multipart/mixed; boundary={boundary}")

    def play_delete(self, key: str) -> None:
        self.answer(202 if self.service.objects.pop(key, None) is not None else 404)


class _Firebase(_Handler):
    """https://firebase.google.com/docs/storage/web, whose library sends these requests."""

    def play(self) -> None:
        path = urlsplit(self.path).path
        objects = f"/v0/b/{BUCKET}/o"
        key = unquote(path.removeprefix(objects).lstrip("/"))
        if self.command == "POST" and path == objects:
            self.service.objects[self.query["name"]] = self.body
            self.json({"name": self.query["name"], "downloadTokens": "a-token"})
        elif path == objects:
            names = [name for name in self.service.objects if name.startswith(self.query["prefix"])]
            # Two on each page.
            at = int(self.query.get("pageToken", 0))
            page = {"items": [{"name": name} for name in names[at : at + 2]]}
            self.json({**page, **({"nextPageToken": str(at + 2)} if names[at + 2 :] else {})})
        elif self.command == "DELETE":
            self.answer(204 if self.service.objects.pop(key, None) is not None else 404)
        elif self.query.get("alt") == "media":
            self.answer_object(key, self.headers.get("Range"))
        elif key in self.service.objects:
            self.json({"name": key, "size": str(len(self.service.objects[key])), "generation": "17"})
        else:
            self.answer(404)

    def json(self, value: object) -> None:
        content = json.dumps(value).encode() if self.service.says is None else self.service.says
        self.answer(200, content, Content_Type="application/json")


@contextmanager
def _played(handler: type[_Handler], path: str = "") -> Iterator[PlayedService]:
    service = PlayedService()
    bound = type("Bound", (handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    service.url = f"http://127.0.0.1:{server.server_address[1]}{path}"
    with serving(server):
        yield service


def azure_server() -> AbstractContextManager[PlayedService]:
    """Azure's blobs, in the container `files`."""
    return _played(_Azure, f"/{AZURE_ACCOUNT}")


def firebase_server() -> AbstractContextManager[PlayedService]:
    """Firebase's storage."""
    return _played(_Firebase)
