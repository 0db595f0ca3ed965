"""The post: what fails is tried again, what cannot be sent is given up, and nothing is sent twice by two workers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from echo.errors import ServiceUnavailable
from echo.mail import Letter, MailFailure, Post
from echo.settings import MailSettings, SmtpSettings
from storage.accounts import mails as storage_mails
from storage.accounts.mails import Mail, MailRepository
from storage.core.database import Database

SETTINGS = MailSettings(SmtpSettings("localhost", 25), "echo@example.com", "Echo", "Echo")
ADA = "ada@example.com"


class Recorder:
    """A way to send that takes a mail once it has failed so often."""

    def __init__(self, failures: int = 0, *, final: bool = False) -> None:
        self.sent: list[str] = []
        self._failures, self._final = failures, final

    async def send(self, message: EmailMessage) -> None:
        if self._failures:
            self._failures -= 1
            raise MailFailure("not now", final=self._final)
        # Others have their turn.
        await asyncio.sleep(0)
        self.sent.append(str(message["Subject"]))

    async def probe(self) -> str:
        return "well"


def write(mail: Mail) -> Letter | None:
    return None if mail.kind == "nobody" else Letter(mail.kind, ("Text.",))


def post_of(database: Database, sender: Recorder | None, **options: Any) -> Post:
    return Post(MailRepository(database), SETTINGS, sender, write, **options)


def waiting(database: Database) -> list[dict[str, Any]]:
    return list(database.collection("echo_mails").find({}, {"_id": 0}))


@asynccontextmanager
async def working(*posts: Post) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(post.running()) for post in posts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


class Losing(Recorder):
    """A way to send that loses that its task is cancelled, as `asyncio.wait_for` of Python 3.11 may."""

    async def send(self, message: EmailMessage) -> None:
        self.sent.append(str(message["Subject"]))
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


class TestPost:
    def test_ends_though_a_library_loses_that_it_was_cancelled(self, database: Database) -> None:
        sender = Losing()
        post = post_of(database, sender)

        async def run() -> None:
            post.put("first", ADA)
            post.put("second", ADA)
            task = asyncio.create_task(post.running())
            await until(lambda: sender.sent)
            task.cancel()
            await asyncio.wait_for(task, 60)

        asyncio.run(run())
        # What was sent is done, and the other one waits for the next process.
        assert sender.sent == ["first"]
        assert [each["kind"] for each in waiting(database)] == ["second"]

    def test_sends_what_was_put_before_and_what_comes(self, database: Database) -> None:
        sender = Recorder()
        post = post_of(database, sender)
        post.put("before", ADA)

        async def scenario() -> None:
            async with working(post):
                await until(lambda: sender.sent == ["before"])
                await asyncio.to_thread(post.put, "after", ADA)
                await until(lambda: sender.sent == ["before", "after"] and not waiting(database))

        asyncio.run(scenario())

    def test_two_workers_send_each_mail_once(self, database: Database) -> None:
        senders = Recorder(), Recorder()
        posts = [post_of(database, sender) for sender in senders]
        for number in range(10):
            posts[0].put(str(number), ADA)

        async def scenario() -> None:
            async with working(*posts):
                await until(lambda: not waiting(database))

        asyncio.run(scenario())
        assert sorted(senders[0].sent + senders[1].sent) == sorted(map(str, range(10)))

    def test_tries_again_later_what_failed(self, database: Database) -> None:
        sender = Recorder(failures=1)
        post = post_of(database, sender)
        post.put("letter", ADA)

        async def scenario() -> None:
            async with working(post):
                await until(lambda: waiting(database)[0]["attempts"] == 1)
                await until(lambda: waiting(database)[0]["due"] < datetime.now(UTC) + timedelta(seconds=16))
                assert sender.sent == []
                past = datetime.now(UTC) - timedelta(seconds=1)
                database.collection("echo_mails").update_one({}, {"$set": {"due": past}})
                post.put("nobody", ADA)
                await until(lambda: not waiting(database))

        asyncio.run(scenario())
        assert sender.sent == ["letter"]

    @pytest.mark.parametrize("attempts", [0, 5])
    def test_gives_up_what_is_refused_for_good_or_failed_too_often(
        self, database: Database, attempts: int
    ) -> None:
        sender = Recorder(failures=1, final=attempts == 0)
        post = post_of(database, sender)
        post.put("letter", ADA)
        database.collection("echo_mails").update_one({}, {"$set": {"attempts": attempts}})

        async def scenario() -> None:
            async with working(post):
                await until(lambda: not waiting(database))

        asyncio.run(scenario())
        assert sender.sent == []

    def test_a_mail_to_nobody_or_that_cannot_be_written_keeps_no_other(self, database: Database) -> None:
        sender = Recorder()
        post = post_of(database, sender)
        post.put("nobody", ADA)
        post.put("letter", "no address")
        post.put("letter", ADA)

        async def scenario() -> None:
            async with working(post):
                await until(lambda: not waiting(database))

        asyncio.run(scenario())
        assert sender.sent == ["letter"]

    def test_without_a_sender_puts_nothing(self, database: Database) -> None:
        post = post_of(database, None)
        post.put("letter", ADA)
        post.notify("letter", ADA)
        assert waiting(database) == []
        assert not post.works

    def test_a_full_outbox_is_told_but_fails_no_notice(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(storage_mails, "MOST", 0)
        post = post_of(database, Recorder())
        with pytest.raises(ServiceUnavailable) as caught:
            post.put("letter", ADA)
        assert caught.value.code == "mail_queue_full"
        post.notify("letter", ADA)
        assert waiting(database) == []
