"""Whom Echo believes at the other end of TLS: the same authorities for everything that it asks.

They are the system's (or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name in their place, which OpenSSL reads),
Mozilla's, because a small image may have none, and those of `NODE_EXTRA_CA_CERTS`, as LibreChat's operators add their
own. Nothing switches checking off here.
"""

import atexit
import os
import re
import ssl
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi

if TYPE_CHECKING:
    import requests

# What OpenSSL, MongoDB's driver and the client of S3 and Azure look at.
STORE = "SSL_CERT_FILE"
BUNDLE = "echo-authorities-"
CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def believe(extra: Path | None) -> None:
    """Believe the authorities of one more file from now on, in this process and those that it starts.

    Called before anything is asked. Libraries that make connections of their own read a file with all authorities,
    which goes with the process. Raises `OSError` and `ssl.SSLError` for a file that has none.
    """
    if extra is None or extra in _believed:
        return
    if not Path(os.environ.get(STORE, "")).name.startswith(BUNDLE):
        # Else the process that started this one has done it.
        os.environ[STORE] = _written(_everybody(extra))
    _believed.append(extra)
    for each in (authorities, _blocking):
        each.cache_clear()


def context(file: Path | None = None) -> ssl.SSLContext:
    """How a client checks a server; with a file its authorities alone are believed. The caller's own to change."""
    if file is not None:
        return ssl.create_default_context(cafile=str(file))
    made = ssl.create_default_context()
    made.load_verify_locations(certifi.where())
    for each in _believed:
        made.load_verify_locations(str(each))
    return made


@cache
def authorities() -> ssl.SSLContext:
    """The same for all connections of the event loop: made once, as that takes longer than a request."""
    return context()


def session(*, from_environment: bool = False) -> "requests.Session":
    """A session for threads, which believes the same; of the environment it takes proxies only if that is said.

    Of an answer that leads elsewhere and is not followed, no more is read than of any other.
    """
    made = _session_class()()
    made.trust_env = from_environment
    mount(made)
    return made


def mount(made: "requests.Session") -> None:
    """Let a session believe the same."""
    made.mount("https://", _adapter()())


@cache
def _session_class() -> "type[requests.Session]":
    """The class: requests' own reads all of a redirect's body, however long, to say what could be asked next."""
    # Imported here: few processes need it, and it takes as long as all the rest.
    import requests  # noqa: PLC0415

    class Session(requests.Session):
        """Follows redirects as requests does, and prepares none that nobody follows."""

        def resolve_redirects(self, *args: Any, yield_requests: bool = False, **kwargs: Any) -> Any:
            return iter(()) if yield_requests else super().resolve_redirects(*args, **kwargs)

    return Session


@cache
def _adapter() -> Any:
    """The class: requests' own takes Mozilla's authorities alone, and reads them for each connection."""
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    class Adapter(HTTPAdapter):
        """Believes what all of Echo does."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, ssl_context=_blocking())

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            return super().proxy_manager_for(*args, **kwargs, ssl_context=_blocking())

        def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
            conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None

    return Adapter


@cache
def _blocking() -> ssl.SSLContext:
    # Apart from that of the event loop: each library sets up its own.
    return context()


_believed: list[Path] = []


def _everybody(extra: Path) -> str:
    """All authorities in PEM: those of files, and those of directories, which OpenSSL reads one by one."""
    loaded = context()
    loaded.load_verify_locations(str(extra))
    found = dict.fromkeys(loaded.get_ca_certs(binary_form=True))
    directory = ssl.get_default_verify_paths().capath
    for path in sorted(Path(directory).iterdir()) if directory else ():
        try:
            blocks = CERTIFICATE.findall(path.read_text(encoding="ascii"))
            found |= dict.fromkeys(map(ssl.PEM_cert_to_DER_cert, blocks))
        except (OSError, ValueError):
            # A directory, or something else that OpenSSL passes over too.
            continue
    return "".join(map(ssl.DER_cert_to_PEM_cert, found))


def _written(bundle: str) -> str:
    with tempfile.NamedTemporaryFile("w", prefix=BUNDLE, suffix=".pem", delete=False) as file:
        file.write(bundle)
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            Path(file.name).unlink(missing_ok=True)

    atexit.register(remove)
    return file.name
