"""Real mail servers on loopback, with a certificate of the tests' own authority."""

import asyncio
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from echo.mail import Post
from storage.accounts.mails import MailRepository
from storage.core.database import Database
from tests.support.waiting import until

USER, PASSWORD = "postman", "smtp-canary"
HOST = "mail.example.test"


def no_post(database: Database) -> Post:
    """The post of a server that sends no mail."""
    return Post(MailRepository(database), None, None, lambda mail: None)


@dataclass
class Received:
    """A mail that a server took."""

    to: str
    message: EmailMessage
    secure: bool
    login: str | None

    def text(self, kind: str = "plain") -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())

    @property
    def link(self) -> str:
        found = re.search(r"https?://\S+", self.text())
        assert found is not None
        return found[0]

    @property
    def fields(self) -> dict[str, str]:
        """What the link's query holds."""
        return dict(parse_qsl(urlsplit(self.link).query))


class Inbox:
    """What a server does with mails: it keeps them, but those to addresses that begin with a word for a refusal."""

    def __init__(self) -> None:
        self.mails: list[Received] = []
        self.tried = 0

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.tried += 1
        if address.startswith("refused"):
            return "550 no such mailbox"
        if address.startswith("busy") and self.tried % 2:
            return "451 come back"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        message = cast("EmailMessage", message_from_bytes(envelope.content, policy=default))
        login = session.auth_data.login.decode() if session.auth_data else None
        secure = server.transport.get_extra_info("sslcontext") is not None
        self.mails += [Received(to, message, secure, login) for to in envelope.rcpt_tos]
        return "250 OK"

    def to(self, address: str) -> list[Received]:
        return [mail for mail in self.mails if mail.to == address]

    def wait_for(self, address: str, number: int = 1) -> Received:
        """The mail of this number to an address, once it is there."""
        until(lambda: len(self.to(address)) >= number)
        return self.to(address)[number - 1]


@dataclass
class MailServer:
    """A running server: `kind` is "plain", "starttls" or "tls"."""

    kind: str
    port: int
    inbox: Inbox = field(default_factory=Inbox)

    @property
    def environ(self) -> dict[str, str]:
        """The settings with which Echo sends by it."""
        login = {} if self.kind == "plain" else {"EMAIL_USERNAME": USER, "EMAIL_PASSWORD": PASSWORD}
        safe = (
            {} if self.kind == "plain" else {"EMAIL_ENCRYPTION": self.kind, "EMAIL_ENCRYPTION_HOSTNAME": HOST}
        )
        return {
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self.port),
            "EMAIL_FROM": "echo@example.com",
            **login,
            **safe,
        }


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def trust(directory: Path) -> Path:
    """A file with the authority's certificate, for `SSL_CERT_FILE`."""
    file = directory / "authority.pem"
    authority().cert_pem.write_to_path(str(file))
    return file


def check_login(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False, auth_data=data)


@contextmanager
def mail_server(kind: str) -> Iterator[MailServer]:
    """A server whose certificate is for `mail.example.test` and no address; "plain" has none and takes any login."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority().issue_cert(HOST).configure_cert(context)
    inbox = Inbox()
    loop = asyncio.new_event_loop()
    transports: list[asyncio.Transport] = []

    class Server(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transports.append(cast("asyncio.Transport", transport))
            super().connection_made(transport)

    def protocol() -> SMTP:
        return Server(
            inbox,
            loop=loop,
            authenticator=check_login,
            auth_require_tls=kind == "starttls",
            enable_SMTPUTF8=True,
            tls_context=context if kind == "starttls" else None,
        )

    server = loop.run_until_complete(
        loop.create_server(protocol, "127.0.0.1", 0, ssl=context if kind == "tls" else None)
    )
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield MailServer(kind, server.sockets[0].getsockname()[1], inbox)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for transport in transports:
            transport.abort()
        loop.run_until_complete(server.wait_closed())
        loop.run_until_complete(ended(asyncio.all_tasks(loop)))
        loop.close()


async def ended(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel them, and wait for that."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
