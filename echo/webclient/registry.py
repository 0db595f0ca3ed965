"""Images in a registry: the part of OCI's distribution protocol that reading takes.

https://github.com/opencontainers/distribution-spec, and for its tokens https://distribution.github.io/distribution/spec/auth/token/
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.auth import AuthBase
from werkzeug.datastructures import WWWAuthenticate

from echo import __version__
from echo.trust import mount
from echo.webclient import images
from echo.webclient.failures import Unfit, Unreachable
from echo.webclient.images import Layer, Manifest
from echo.webclient.references import DOCKER_HUB, Reference, is_this_machine

# To connect, and between two pieces of an answer.
TIMEOUTS = (10, 60)
DOCKER_HUBS_HOST = "registry-1.docker.io"


class Registry:
    """One image in a registry, asked over HTTPS; over HTTP only on this machine, or with `plain_http`."""

    def __init__(self, reference: Reference, *, plain_http: bool = False) -> None:
        self._reference = reference
        host = DOCKER_HUBS_HOST if reference.host == DOCKER_HUB else reference.host
        is_local = is_this_machine(host)
        scheme = "http" if plain_http or is_local else "https"
        self._base = f"{scheme}://{host}/v2/{reference.repository}"
        self._session = _Session(reference.host, plain=plain_http, local=is_local)

    def manifest(self) -> Manifest:
        """What the image is made of; every digest is checked. Raises `InstallError`."""
        name = self._reference.digest or self._reference.tag
        content, digest = self._document(name, self._reference.digest)
        document = images.parse(content)
        if images.is_index(document):
            chosen = images.choose(document)
            images.sha256_of(chosen)
            document = images.parse(self._document(chosen, chosen)[0])
        version = None if self._reference.digest else self._reference.tag
        return Manifest(images.layers_of(document), digest, version)

    @contextmanager
    def layer(self, layer: Layer) -> Iterator[BinaryIO]:
        """The bytes of a layer, packed and not checked. Raises `InstallError`, also while they are read."""
        with self._get(f"blobs/sha256:{layer.sha256}") as response:
            yield _Body(response, self._reference.host)  # type: ignore[misc]

    def _document(self, name: str, digest: str | None) -> tuple[bytes, str]:
        with self._get(
            f"manifests/{name}", accept=", ".join((*images.INDEXES, *images.MANIFESTS))
        ) as response:
            content = _Body(response, self._reference.host).read(images.MAX_MANIFEST_BYTES + 1)
        if len(content) > images.MAX_MANIFEST_BYTES:
            raise Unfit("The image has a manifest that is too large.")
        images.parse(content, digest)
        return content, images.digest_of(content)

    @contextmanager
    def _get(self, path: str, accept: str = "*/*") -> Iterator[requests.Response]:
        try:
            with self._asking(self._reference.host):
                response = self._request(path, accept)
                if response.status_code == 401:
                    response.close()
                    self._session.auth = _Bearer(self._token(response.headers.get("WWW-Authenticate", "")))
                    response = self._request(path, accept)
            with response:
                self._check(response)
                yield response
        finally:
            # It can be used again: what it closes are connections.
            self._session.close()

    def _request(self, path: str, accept: str) -> requests.Response:
        return self._session.get(
            f"{self._base}/{path}", headers={"Accept": accept}, stream=True, timeout=TIMEOUTS
        )

    def _token(self, challenge: str) -> str:
        """A token for anybody, from where the registry says."""
        wanted = WWWAuthenticate.from_header(challenge)
        realm = wanted.parameters.get("realm") if wanted and wanted.type == "bearer" else None
        if wanted is None or not realm:
            raise Unreachable(f"{self._reference.host} wants a login, and Echo has none for it.")
        self._session.refuse_plain(realm)
        asked = {name: value for name in ("service", "scope") if (value := wanted.parameters.get(name))}
        with (
            self._asking(urlsplit(realm).hostname or realm),
            self._session.get(realm, params=asked, auth=_Nobody(), timeout=TIMEOUTS, stream=True) as response,
        ):
            self._check(response)
            document = images.parse(_Body(response, self._reference.host).read(images.MAX_MANIFEST_BYTES))
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Unreachable(f"{self._reference.host} gives no token to those who have no login.")
        return token

    def _check(self, response: requests.Response) -> None:
        """Refuse every answer but the one that was asked for."""
        host, status = self._reference.host, response.status_code
        if status == 200:
            return
        if status in (401, 403):
            why = "is not open to everybody, or there is no such image"
        elif status == 404:
            why = "is not there"
        elif status == 429:
            wait = response.headers.get("Retry-After", "")
            why = f"cannot be had now: {host} has had too many requests from this address"
            why += f", and asks to wait for {wait} seconds" if wait.isdecimal() else ""
        else:
            why = f"cannot be had now: {host} answers with status {status}"
        raise Unreachable(f"{self._reference} {why}.")

    @contextmanager
    def _asking(self, host: str) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise Unreachable(f"{host} does not prove who it is: {_reason(error)}.") from error
        except requests.exceptions.Timeout as error:
            raise Unreachable(f"{host} does not answer in time.") from error
        except requests.exceptions.RequestException as error:
            raise Unreachable(
                f"{host} cannot be reached ({_reason(error)}). Is this machine offline?"
            ) from error


class _Session(requests.Session):
    """Requests that go nowhere without HTTPS, redirects included, and take no login from anywhere."""

    def __init__(self, host: str, *, plain: bool, local: bool) -> None:
        super().__init__()
        mount(self)
        self._host, self._plain, self._local = host, plain, local
        self.headers.update({"User-Agent": f"echo-api/{__version__}", "Accept-Encoding": "identity"})
        self.auth = _Nobody()
        self.max_redirects = 5
        # No proxy leads to this machine.
        self.trust_env = not local

    def refuse_plain(self, url: str) -> None:
        """Raise `Unreachable` for an address without HTTPS."""
        parts = urlsplit(url)
        is_allowed = self._plain or (self._local and is_this_machine(parts.netloc))
        if parts.scheme != "https" and not (parts.scheme == "http" and is_allowed):
            raise Unreachable(f"{self._host} leads to {ascii(url)[:200]}, which is no HTTPS.")

    def get_redirect_target(self, resp: Any) -> str | None:
        """Where an answer leads; requests asks this before it goes there."""
        target: str | None = super().get_redirect_target(resp)
        if target is not None:
            try:
                self.refuse_plain(urljoin(resp.url, target))
            except Unreachable:
                resp.close()
                raise
        return target


class _Nobody(AuthBase):
    """No login; without it, requests would take one for that host from the user's .netrc."""

    def __call__(self, request: Any) -> Any:
        return request


class _Bearer(AuthBase):
    """A registry's token. Where a registry leads elsewhere, requests leaves it out."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Body:
    """The bytes of an answer as they were sent."""

    def __init__(self, response: requests.Response, host: str) -> None:
        self._raw = response.raw
        self._host = host

    def read(self, size: int) -> bytes:
        """At most so many bytes. Raises `InstallError` where the connection breaks."""
        try:
            content: bytes = self._raw.read(size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(
                f"The connection to {self._host} broke: {_reason(error)}. Try again."
            ) from error
        return content


def _reason(error: Exception) -> str:
    """The innermost error's own words; those around it repeat addresses and objects."""
    inner: BaseException = error
    while following := inner.__cause__ or inner.__context__:
        inner = following
    return getattr(inner, "strerror", None) or type(inner).__name__
