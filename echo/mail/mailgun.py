"""Sending by Mailgun's API: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage

import aiohttp

from echo.mail.letter import recipient
from echo.mail.sender import SECONDS, MailFailure
from echo.settings import MailgunSettings
from echo.trust import authorities

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN = 400, 401, 403


class Mailgun:
    """One request for each mail."""

    def __init__(self, settings: MailgunSettings) -> None:
        self._settings = settings

    async def send(self, message: EmailMessage) -> None:
        """Hand over a message for the address that it is to, complete as it is; raises `MailFailure`."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("to", recipient(message))
        # The links are for who gets them alone.
        form.add_field("o:tracking-clicks", "no")
        form.add_field("message", message.as_bytes(), filename="message.mime", content_type="message/rfc822")
        address = f"{self._settings.url}/v3/{self._settings.domain}/messages.mime"
        async with self._answer("POST", address, data=form) as status:
            if status == BAD_REQUEST:
                raise MailFailure("Mailgun refuses the message or the address (400)", final=True)
            self._check(status)

    async def probe(self) -> str:
        """Ask for the domain; raises `MailFailure`. A key that may only send is told so by its 401."""
        address = f"{self._settings.url}/v4/domains/{self._settings.domain}"
        async with self._answer("GET", address) as status:
            self._check(status)
        return f"Mailgun answers, and knows {self._settings.domain}"

    def _check(self, status: int) -> None:
        if status in (UNAUTHORIZED, FORBIDDEN):
            raise MailFailure(f"Mailgun refuses MAILGUN_API_KEY ({status})")
        if status >= BAD_REQUEST:
            raise MailFailure(f"Mailgun answers {status}: check MAILGUN_DOMAIN and MAILGUN_HOST")

    @asynccontextmanager
    async def _answer(
        self, method: str, address: str, *, data: aiohttp.FormData | None = None
    ) -> AsyncIterator[int]:
        key = aiohttp.encode_basic_auth("api", self._settings.api_key)
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=SECONDS),
                    connector=aiohttp.TCPConnector(ssl=authorities()),
                    headers={"Authorization": key},
                ) as session,
                session.request(method, address, data=data, allow_redirects=False) as response,
            ):
                yield response.status
        except TimeoutError as error:
            raise MailFailure("Mailgun does not answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise MailFailure("Mailgun cannot be reached") from error
