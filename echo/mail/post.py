"""The post: mails are put into an outbox at once, and every worker sends what is due, in the background."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from echo.errors import ServiceUnavailable
from echo.mail.letter import Letter, write
from echo.mail.sender import MailFailure, Sender
from echo.settings import MailSettings
from storage.accounts.mails import Mail, MailRepository
from storage.core.errors import StorageError, TooMany

log = structlog.get_logger(__name__)

# How soon another worker, or we after a fault of the database, look again.
POLL_SECONDS = 5.0
# After each try that failed; then it is given up.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (15, 60, 300, 900, 3600))
BUSY_SECONDS = 60

# Makes the letter of a mail now, in a thread: None if there is nothing to write, for example to nobody's address.
Writer = Callable[[Mail], Letter | None]


class Post:
    """Puts mails into the outbox, and sends them. Without a sender nothing is put or sent."""

    def __init__(
        self,
        mails: MailRepository,
        settings: MailSettings | None,
        sender: Sender | None,
        writer: Writer,
        *,
        kept: dict[str, timedelta] | None = None,
    ) -> None:
        self._mails = mails
        self._settings = settings
        self._sender = sender
        self._writer = writer
        self._kept = kept or {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = asyncio.Event()

    @property
    def works(self) -> bool:
        """Whether mail is sent at all."""
        return self._sender is not None

    def put(
        self, kind: str, to: str, *, owner: str | None = None, once: bool = False, mark: str | None = None
    ) -> None:
        """Have a mail written and sent soon; returns when it is stored. With `once` no second one waits beside it.

        Raises `ServiceUnavailable` while too many wait.
        """
        if not self.works:
            return
        try:
            self._mails.put(kind, to, owner=owner, once=once, mark=mark)
        except TooMany as error:
            raise ServiceUnavailable(
                "The server has too many mails to send.", code="mail_queue_full", retry_after=BUSY_SECONDS
            ) from error
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._due.set)

    def notify(self, kind: str, to: str) -> None:
        """As `put`, for a notice of what is done already: that it cannot be sent is logged, and fails nothing."""
        try:
            self.put(kind, to)
        except (ServiceUnavailable, StorageError):
            log.warning("a notice could not be put into the outbox", kind=kind)

    async def running(self) -> None:
        """Send what is due, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._due.clear()
            try:
                while not _is_cancelled() and (mail := await asyncio.to_thread(self._mails.take)) is not None:
                    await self._deliver(mail)
            except StorageError as error:
                log.warning("the outbox cannot be read", cause=type(error).__name__)
            except Exception:
                # A mail that we cannot write must not keep the others.
                log.exception("a mail could not be written")
            if _is_cancelled():
                return
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._due.wait()
            except TimeoutError:
                pass

    async def _deliver(self, mail: Mail) -> None:
        letter = await asyncio.to_thread(self._writer, mail)
        if letter is None or self._sender is None or self._settings is None:
            await asyncio.to_thread(self._mails.done, mail)
            return
        try:
            await self._sender.send(write(letter, mail.to, self._settings))
        except MailFailure as failure:
            await asyncio.to_thread(self._failed, mail, failure)
        except ValueError:
            # An address that no mail can be written to.
            await asyncio.to_thread(self._failed, mail, MailFailure("the address is none", final=True))
        else:
            await asyncio.to_thread(self._sent, mail)

    def _sent(self, mail: Mail) -> None:
        if length := self._kept.get(mail.kind):
            self._mails.keep(mail, length)
        else:
            self._mails.done(mail)

    def _failed(self, mail: Mail, failure: MailFailure) -> None:
        again = not failure.final and mail.attempts <= len(PAUSES)
        about = {"mail": str(mail.id), "kind": mail.kind, "attempt": mail.attempts}
        log.warning("a mail was not sent", **about, cause=str(failure), again=again)
        if again:
            self._mails.postpone(mail, PAUSES[mail.attempts - 1])
        else:
            self._mails.done(mail)


def _is_cancelled() -> bool:
    """Whether this task was told to end.

    `asyncio.wait_for` of Python 3.11, by which `aiosmtplib` waits for each answer, loses that where it comes together
    with the answer.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
