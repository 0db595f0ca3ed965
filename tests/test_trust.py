"""One trust in TLS: an operator's own authority counts for everything that Echo asks, and nobody else's does."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import certifi
import pytest
import trustme
from pymongo import MongoClient

from echo import trust
from echo.accounts.federation.fetching import Fetcher
from echo.accounts.federation.ldap_client import _Tls
from echo.files.cloud.firebase import ask
from echo.files.cloud.object_stores import s3_cloud
from echo.mail.smtp import tls_context
from echo.observation.tracing.otel import exporter
from echo.providers.addresses import AddressGuard
from echo.providers.http import post
from echo.providers.transport import Call, Transport
from echo.settings import load_settings
from echo.settings.cloud import S3Settings
from echo.settings.directory import LdapSettings
from echo.settings.reader import SettingsError
from echo.tools.mcp.http import CheckedTransport, make_client
from echo.tools.outbound import Outbound, Request
from echo.webclient.registry import _Session
from tests.support.providers import Answer, Received, json_answer
from tests.support.providers.server import serving
from tests.support.waiting import until

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
)


class Server:
    """Speaks TLS by an authority of its own, and says how many trusted it."""

    def __init__(self, authority: trustme.CA) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(self._context)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        self.trusted = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                connection.settimeout(5)
                with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as spoken:
                    # In TLS 1.3 the server is done before the client has looked at the certificate.
                    if spoken.recv(65_536):
                        self.trusted += 1
                        spoken.sendall(ANSWER)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    running = Server(authority)
    yield running
    running.close()


@pytest.fixture(scope="module")
def extra(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("trust") / "own.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is believed in a test is forgotten after it."""
    monkeypatch.setattr(trust, "_believed", [])
    monkeypatch.setenv(
        trust.STORE, os.environ.get(trust.STORE, ssl.get_default_verify_paths().openssl_cafile)
    )
    forget()
    yield
    forget()


def forget() -> None:
    trust.authorities.cache_clear()
    trust._blocking.cache_clear()


def shake_hands(context: ssl.SSLContext, server: Server) -> None:
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as spoken,
    ):
        spoken.sendall(b"EHLO\r\n")


async def ask_provider(server: Server) -> None:
    transport = Transport(load_settings({}).provider_limits)
    try:
        await transport.json(Call(server.url, {}))
    finally:
        await transport.close()


async def ask_mcp(server: Server) -> None:
    guard = AddressGuard([f"localhost:{server.port}"])
    async with make_client(CheckedTransport(guard), read_seconds=5) as client:
        await client.get(server.url)


def ask_bucket(server: Server) -> None:
    settings = S3Settings("b", "us-east-1", server.url, "k", "s", force_path_style=True)
    s3_cloud(settings).head("images/a")


def ask_database(server: Server) -> None:
    with MongoClient[Any](
        f"mongodb://localhost:{server.port}/?tls=true", serverSelectionTimeoutMS=300
    ) as client:
        client.admin.command("ping")


def ask_directory(server: Server) -> None:
    settings = LdapSettings("localhost", 1, tls=True, start_tls=False, search_base="", search_filter="")
    shake_hands(_Tls(settings)._context, server)


def send_spans(server: Server) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        patch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        exporter().export([])


CLIENTS: dict[str, Callable[[Server], Any]] = {
    "providers": lambda server: asyncio.run(ask_provider(server)),
    "single sign-on": lambda server: asyncio.run(Fetcher([f"localhost:{server.port}"]).json(server.url)),
    "tools": lambda server: asyncio.run(Outbound().json(Request(server.url, trusted=True))),
    "MCP": lambda server: asyncio.run(ask_mcp(server)),
    "speech": lambda server: post(server.url, headers={}, seconds=5, json_body={}),
    "Firebase": lambda server: ask("GET", server.url, 100),
    "S3": ask_bucket,
    "MongoDB": ask_database,
    "LDAP": ask_directory,
    "mail": lambda server: shake_hands(tls_context(any_certificate=False), server),
    "traces": send_spans,
    "registries": lambda server: _Session("localhost", plain=False, local=True).get(server.url, timeout=5),
}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of one authority: reading all of them takes a tenth of a second each time."""
    file = tmp_path_factory.mktemp("few") / "usual.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def few_usual(as_before: None, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.STORE, str(few))
    monkeypatch.setenv("SSL_CERT_DIR", str(few.parent))
    monkeypatch.setattr(certifi, "where", lambda: str(few))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.usefixtures("few_usual")
def test_an_authority_of_the_operators_counts_for(client: str, server: Server, extra: Path) -> None:
    with suppress(Exception):
        CLIENTS[client](server)
    assert server.trusted == 0
    trust.believe(extra)
    with suppress(Exception):
        CLIENTS[client](server)
    until(lambda: server.trusted > 0)


@pytest.mark.usefixtures("as_before")
def test_the_usual_ones_count_beside_it(extra: Path) -> None:
    usual = {each["serialNumber"] for each in trust.context().get_ca_certs()}
    trust.believe(extra)
    assert usual < {each["serialNumber"] for each in trust.context().get_ca_certs()}
    bundle = Path(os.environ["SSL_CERT_FILE"])
    assert bundle.name.startswith("echo-authorities-")
    assert bundle.read_text().count("BEGIN CERTIFICATE") > len(usual)


@pytest.mark.usefixtures("few_usual")
def test_openssl_s_own_variable_is_followed(
    server: Server, extra: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(extra))
    CLIENTS["tools"](server)
    until(lambda: server.trusted > 0)


def test_the_file_goes_with_the_process(extra: Path, tmp_path: Path) -> None:
    """And processes that it starts make none of their own."""
    program = (
        "import os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from echo.trust import believe\n"
        "believe(Path(sys.argv[1]))\n"
        "print(os.environ['SSL_CERT_FILE'], flush=True)\n"
        "if sys.argv[2:]:\n"
        "    subprocess.run([sys.executable, '-c', sys.argv[2], sys.argv[1]], check=True)\n"
    )
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", program, str(extra), program],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert len(said) == 2
    assert said[0] == said[1]
    assert list(tmp_path.iterdir()) == []


def test_a_session_follows_where_it_is_let() -> None:
    def respond(received: Received) -> Answer:
        return json_answer({}, 302, Location="/there") if received.path == "/" else json_answer({"a": 1})

    with serving(respond) as server, trust.session() as session:
        assert session.get(f"{server.url}/").json() == {"a": 1}
        assert session.get(f"{server.url}/", allow_redirects=False).status_code == 302
    assert [received.path for received in server.requests] == ["/", "/there", "/"]


class TestTheSetting:
    def test_is_a_file_of_certificates(self, extra: Path, tmp_path: Path) -> None:
        assert load_settings({"NODE_EXTRA_CA_CERTS": str(extra)}).extra_authorities == extra
        assert load_settings({}).extra_authorities is None
        (tmp_path / "empty.pem").touch()
        for path in (tmp_path / "none.pem", tmp_path / "empty.pem", tmp_path):
            with pytest.raises(SettingsError, match=r"^NODE_EXTRA_CA_CERTS must be a file of certificates"):
                load_settings({"NODE_EXTRA_CA_CERTS": str(path)})
