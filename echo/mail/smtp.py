"""Sending by a mail server: SMTP (RFC 5321) with TLS from the first byte or by STARTTLS (RFC 3207, RFC 8314)."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from email.message import EmailMessage

import aiohappyeyeballs
import aiosmtplib

from echo.mail.letter import recipient
from echo.mail.sender import SECONDS, MailFailure
from echo.settings import SmtpSettings
from echo.trust import context

STEP_SECONDS = 20.0
PERMANENT = 500


class Smtp:
    """One connection for each mail: they are few, and a server may close one that rests."""

    def __init__(self, settings: SmtpSettings, from_address: str, domain: str) -> None:
        self._settings = settings
        self._from = from_address
        self._domain = domain

    async def send(self, message: EmailMessage) -> None:
        """Hand over a message for the address that it is to; raises `MailFailure`."""
        async with self._connected() as client:
            await client.send_message(message, sender=self._from, recipients=[recipient(message)])

    async def probe(self) -> str:
        """Connect, greet, and log in if there is a password; raises `MailFailure`."""
        async with self._connected() as client:
            safe = "with TLS" if client.get_transport_info("sslcontext") else "without TLS"
        took = " and takes the login" if self._settings.username else ""
        return f"{self._settings.host} answers {safe}{took}"

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        with _explained(self._settings.host):
            async with asyncio.timeout(SECONDS):
                client = self._client(await self._socket())
                try:
                    await client.connect()
                    await self._secure(client)
                    await self._log_in(client)
                    yield client
                    with suppress(aiosmtplib.SMTPException):
                        await client.execute_command(b"QUIT")
                finally:
                    # At once: nobody waits until the server has said good-bye in TLS as well.
                    if isinstance(client.transport, asyncio.Transport):
                        client.transport.abort()
                    client.close()

    async def _socket(self) -> socket.socket:
        """A connection of our own making: the name on the certificate may be another than the host's."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._settings.host, self._settings.port, type=socket.SOCK_STREAM)
        async with asyncio.timeout(STEP_SECONDS):
            return await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=0.25)

    def _client(self, connection: socket.socket) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.certificate_name or settings.host,
            local_hostname=self._domain,
            timeout=STEP_SECONDS,
            use_tls=settings.encryption == "tls",
            # By hand: it may have to be, may be, or must not.
            start_tls=False,
            tls_context=tls_context(any_certificate=settings.any_certificate),
            sock=connection,
        )

    async def _secure(self, client: aiosmtplib.SMTP) -> None:
        if self._settings.encryption in ("tls", "none"):
            return
        await client.ehlo()
        if client.supports_extension("starttls"):
            await client.starttls()
        elif self._settings.encryption == "starttls":
            raise MailFailure(f"{self._settings.host} offers no STARTTLS, which EMAIL_ENCRYPTION asks for")

    async def _log_in(self, client: aiosmtplib.SMTP) -> None:
        settings = self._settings
        if settings.username is None or settings.password is None:
            return
        readable = client.get_transport_info("sslcontext") is None
        if readable and settings.encryption != "none" and not is_this_machine(settings.host):
            # Who is in between can take the offer of TLS away, and would then read the password.
            raise MailFailure(
                f"{settings.host} offers no TLS, so the password is not sent (EMAIL_ENCRYPTION=none allows it)"
            )
        await client.login(settings.username, settings.password)


def tls_context(*, any_certificate: bool) -> ssl.SSLContext:
    """The authorities that Echo believes; with `any_certificate` anybody may have signed, for any name."""
    made = context()
    if any_certificate:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def is_this_machine(host: str) -> bool:
    """Whether nobody stands between us and the host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _explained(host: str) -> Iterator[None]:
    """What goes wrong, in our own words: what a server says may repeat what we sent."""
    try:
        yield
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [each.code for each in error.recipients]
        raise MailFailure(
            f"{host} refuses the address ({codes[0]})", final=min(codes) >= PERMANENT
        ) from error
    except aiosmtplib.SMTPResponseException as error:
        final = isinstance(error, aiosmtplib.SMTPDataError) and error.code >= PERMANENT
        raise MailFailure(f"{host} refuses {_refused(error)} ({error.code})", final=final) from error
    except aiosmtplib.SMTPNotSupported as error:
        raise MailFailure(f"{host} cannot send to such an address", final=True) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise MailFailure(f"{host}: {_kind_of(error)}") from error


def _refused(error: aiosmtplib.SMTPResponseException) -> str:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return "EMAIL_USERNAME and EMAIL_PASSWORD"
    return "EMAIL_FROM" if isinstance(error, aiosmtplib.SMTPSenderRefused) else "the mail"


def _kind_of(error: BaseException) -> str:
    """What kept us from an answer; the library may have another error in its own."""
    causes = (error, error.__cause__, error.__context__)
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return "its TLS certificate is not accepted, or it speaks no TLS"
    return "no answer in time" if any(isinstance(each, TimeoutError) for each in causes) else "no connection"
