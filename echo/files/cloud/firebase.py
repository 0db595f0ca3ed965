"""Firebase's storage by its own HTTP interface, without a login, as LibreChat's server uses it.

https://firebase.google.com/docs/storage: the rules of the bucket must let the server read and write.
"""

import json
import time
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

import requests

from echo import trust
from echo.cut_off import cut_off
from echo.errors import NotFound
from echo.files.cloud.service import CONNECT_SECONDS, REQUEST_SECONDS, Calls, Head
from echo.settings.cloud import FIREBASE, FirebaseSettings

TIMEOUTS = (CONNECT_SECONDS, REQUEST_SECONDS)
FAILURES = (requests.RequestException, ValueError, KeyError)
# Of an answer that is no file: a page of a list has up to a thousand keys.
ANSWER_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
# What is sent may be large, and the way there narrow.
UPLOAD_SECONDS = 3600.0


class FirebaseCloud:
    """A bucket of Firebase."""

    source = FIREBASE

    def __init__(self, settings: FirebaseSettings) -> None:
        self._objects = f"{settings.url}/v0/b/{quote(settings.bucket, safe='')}/o"
        self._calls = Calls(FIREBASE)

    def head(self, key: str) -> Head:
        """As `Cloud.head`."""
        with self._calls.call(*FAILURES):
            found = told("GET", self._at(key))
            return Head(int(found["size"]), str(found.get("generation") or found["updated"]))

    def read(self, key: str, start: int, size: int) -> bytes:
        """As `Cloud.read`."""
        headers = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity"}
        with self._calls.call(*FAILURES):
            status, content = ask("GET", self._at(key), size, params={"alt": "media"}, headers=headers)
            if status != 206 and start:
                # One that looks at no ranges sends the whole file, from its beginning.
                raise ValueError("some bytes were asked for, and all were sent")
            return content

    def put(self, key: str, stream: BinaryIO, *, media_type: str, filename: str) -> str:
        """As `Cloud.put`."""
        stream.seek(0)
        headers = {"Content-Type": media_type}
        with self._calls.call(*FAILURES):
            found = told("POST", self._objects, params={"name": key}, headers=headers, data=stream)
        token = str(found.get("downloadTokens") or "").partition(",")[0]
        return f"{self._at(key)}?alt=media&token={quote(token, safe='')}"

    def delete(self, key: str) -> None:
        """As `Cloud.delete`."""
        with self._calls.call(*FAILURES):
            try:
                ask("DELETE", self._at(key), ANSWER_BYTES)
            except NotFound:
                return

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """As `Cloud.list`; Firebase says no sizes here, so they are 0."""
        page: dict[str, str] = {}
        while True:
            with self._calls.call(*FAILURES):
                found = told("GET", self._objects, params={"prefix": prefix, **page})
                names = [str(each["name"]) for each in found.get("items", ())]
            yield from ((name, 0) for name in names)
            if not found.get("nextPageToken"):
                return
            page = {"pageToken": str(found["nextPageToken"])}

    def sign(self, key: str) -> str | None:
        """None: its addresses never end."""
        return None

    def _at(self, key: str) -> str:
        return f"{self._objects}/{quote(key, safe='')}"


def told(method: str, url: str, **more: Any) -> dict[str, Any]:
    """What the service says of itself. Raises as `ask`, and `ValueError` for what is no object, or too large."""
    found = json.loads(ask(method, url, ANSWER_BYTES, **more)[1])
    if not isinstance(found, dict):
        raise ValueError("the answer is no object")
    return found


def ask(method: str, url: str, most: int, **more: Any) -> tuple[int, bytes]:
    """The status of an answer, and its content up to so many bytes: what comes after them is not read.

    Raises `NotFound` and `requests.RequestException`.
    """
    with (
        trust.session(from_environment=True) as session,
        cut_off(session, UPLOAD_SECONDS if "data" in more else 2 * REQUEST_SECONDS),
        session.request(
            method, url, timeout=TIMEOUTS, allow_redirects=False, stream=True, **more
        ) as response,
    ):
        if response.status_code == 404:
            raise NotFound
        if response.status_code not in (200, 204, 206):
            raise requests.HTTPError(f"{method} was answered with {response.status_code}")
        until, content = time.monotonic() + REQUEST_SECONDS, bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            content += chunk
            if len(content) >= most:
                break
            if time.monotonic() > until:
                raise requests.Timeout("the answer does not end")
        return response.status_code, bytes(content[:most])
