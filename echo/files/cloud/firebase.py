"""Firebase's storage by its own HTTP interface, without a login, as LibreChat's server uses it.

https://firebase.google.com/docs/storage: the rules of the bucket must let the server read and write.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

import requests

from echo.errors import NotFound
from echo.files.cloud.service import CONNECT_SECONDS, REQUEST_SECONDS, Calls, Head
from echo.settings.cloud import FIREBASE, FirebaseSettings

TIMEOUTS = (CONNECT_SECONDS, REQUEST_SECONDS)
FAILURES = (requests.RequestException, ValueError, KeyError)


class FirebaseCloud:
    """A bucket of Firebase."""

    source = FIREBASE

    def __init__(self, settings: FirebaseSettings) -> None:
        self._objects = f"{settings.url}/v0/b/{quote(settings.bucket, safe='')}/o"
        self._calls = Calls(FIREBASE)

    def head(self, key: str) -> Head:
        """As `Cloud.head`."""
        found = self._ask("GET", self._at(key)).json()
        with self._calls.call(*FAILURES):
            return Head(int(found["size"]), str(found.get("generation") or found["updated"]))

    def read(self, key: str, start: int, size: int) -> bytes:
        """As `Cloud.read`."""
        headers = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity"}
        content: bytes = self._ask("GET", self._at(key), params={"alt": "media"}, headers=headers).content
        return content[:size]

    def put(self, key: str, stream: BinaryIO, *, media_type: str, filename: str) -> str:
        """As `Cloud.put`."""
        stream.seek(0)
        headers = {"Content-Type": media_type}
        found = self._ask("POST", self._objects, params={"name": key}, headers=headers, data=stream).json()
        token = str(found.get("downloadTokens") or "").partition(",")[0]
        return f"{self._at(key)}?alt=media&token={quote(token, safe='')}"

    def delete(self, key: str) -> None:
        """As `Cloud.delete`."""
        try:
            self._ask("DELETE", self._at(key))
        except NotFound:
            return

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """As `Cloud.list`; Firebase says no sizes here, so they are 0."""
        page: dict[str, str] = {}
        while True:
            found = self._ask("GET", self._objects, params={"prefix": prefix, **page}).json()
            yield from ((str(each["name"]), 0) for each in found.get("items", ()))
            if not found.get("nextPageToken"):
                return
            page = {"pageToken": str(found["nextPageToken"])}

    def sign(self, key: str) -> str | None:
        """None: its addresses never end."""
        return None

    def _at(self, key: str) -> str:
        return f"{self._objects}/{quote(key, safe='')}"

    def _ask(self, method: str, url: str, **more: Any) -> requests.Response:
        with self._calls.call(*FAILURES):
            response = requests.request(method, url, timeout=TIMEOUTS, allow_redirects=False, **more)
            if response.status_code == 404:
                raise NotFound
            if response.status_code not in (200, 204, 206):
                raise requests.HTTPError(f"{method} was answered with {response.status_code}")
            return response
