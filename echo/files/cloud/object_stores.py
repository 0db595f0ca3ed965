"""S3 and Azure's blobs, by obstore: one small library for both, which holds no more than some parts of a file.

boto3 is four times as large without Azure's client, and both need threads for what they send in parts.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, S3Store

from echo.errors import NotFound
from echo.files.cloud.service import CONNECT_SECONDS, REQUEST_SECONDS, Calls, Head
from echo.settings.cloud import AZURE, S3, AzureSettings, S3Settings

# The least that S3 takes, and all that is held of what is sent.
PART_BYTES = 5 * 1024 * 1024
PARTS_AT_ONCE = 2
CHUNK_BYTES = 256 * 1024
FAILURES = (BaseError, OSError)


class ObjectStoreCloud:
    """A bucket or container; `address` is put before a key to make the `filepath` of a record."""

    def __init__(self, source: str, store: S3Store | AzureStore, *, address: str, url_seconds: int) -> None:
        self.source = source
        self._store = store
        self._address = address
        self._url_seconds = timedelta(seconds=url_seconds)
        self._calls = Calls(source)

    def head(self, key: str) -> Head:
        """As `Cloud.head`."""
        with self._calls.call(*FAILURES):
            try:
                found = obstore.head(self._store, key)
            except FileNotFoundError as error:
                raise NotFound from error
        return Head(found["size"], (found["e_tag"] or f"{found['last_modified']:%s}").strip('"'))

    def read(self, key: str, start: int, size: int) -> bytes:
        """As `Cloud.read`."""
        with self._calls.call(*FAILURES):
            try:
                return bytes(obstore.get_range(self._store, key, start=start, length=size))
            except FileNotFoundError as error:
                raise NotFound from error

    def put(self, key: str, stream: BinaryIO, *, media_type: str, filename: str) -> str:
        """As `Cloud.put`."""
        # As Echo itself would send it: who has an address at the service gets a file, and no page.
        disposition = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
        attributes: Any = {"Content-Type": media_type, "Content-Disposition": disposition}
        stream.seek(0)
        with self._calls.call(*FAILURES):
            writer = obstore.open_writer(
                self._store,
                key,
                attributes=attributes,
                buffer_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
            # Read here, and not by the library in a thread of its own: the stream may be of a service too. Closed
            # only when all has been written, for that is when the object comes to be.
            while chunk := stream.read(CHUNK_BYTES):
                writer.write(chunk)
            writer.close()
        return self._address + quote(key)

    def delete(self, key: str) -> None:
        """As `Cloud.delete`."""
        with self._calls.call(*FAILURES):
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                return

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """As `Cloud.list`."""
        listing = obstore.list(self._store, prefix)
        while True:
            with self._calls.call(*FAILURES):
                portion = next(listing, None)
            if portion is None:
                return
            yield from ((each["path"], each["size"]) for each in portion)

    def sign(self, key: str) -> str | None:
        """As `Cloud.sign`; None in Azure for a key with other signs than Echo's and LibreChat's have.

        The library signs its encoded form, which Azure does not.
        """
        if self.source == AZURE and quote(key) != key:
            return None
        with self._calls.call(*FAILURES):
            return obstore.sign(self._store, "GET", key, self._url_seconds)


def s3_cloud(settings: S3Settings) -> ObjectStoreCloud:
    """A bucket; its name goes into the host, unless the settings say that it belongs into the path."""
    config: Any = {"region": settings.region, "virtual_hosted_style_request": not settings.force_path_style}
    if settings.endpoint:
        config["endpoint"] = settings.endpoint
        if not settings.force_path_style:
            scheme, _, rest = settings.endpoint.partition("://")
            config["endpoint"] = f"{scheme}://{settings.bucket}.{rest}"
    if settings.access_key_id and settings.secret_access_key:
        config |= {
            "access_key_id": settings.access_key_id,
            "secret_access_key": settings.secret_access_key,
        }
        if settings.session_token:
            config["session_token"] = settings.session_token
    store = S3Store(settings.bucket, config=config, **_options(settings.endpoint))
    # LibreChat reads a key in `filepath`, and makes addresses anew that it cannot read: none of ours runs out.
    return ObjectStoreCloud(S3, store, address="/", url_seconds=settings.url_seconds)


def azure_cloud(settings: AzureSettings) -> ObjectStoreCloud:
    """A container."""
    config: Any = {"account_name": settings.account, "endpoint": settings.endpoint}
    if settings.account_key:
        config["account_key"] = settings.account_key
    elif settings.sas_token:
        config["sas_key"] = settings.sas_token
    store = AzureStore(settings.container, config=config, **_options(settings.endpoint))
    address = f"{settings.endpoint}/{settings.container}/"
    return ObjectStoreCloud(AZURE, store, address=address, url_seconds=settings.url_seconds)


def _options(endpoint: str | None) -> dict[str, Any]:
    return {
        "client_options": {
            "allow_http": endpoint is not None and urlsplit(endpoint).scheme == "http",
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=REQUEST_SECONDS),
        },
        "retry_config": {
            "max_retries": 2,
            "retry_timeout": timedelta(seconds=CONNECT_SECONDS),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        },
    }
