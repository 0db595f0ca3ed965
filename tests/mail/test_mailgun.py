"""Mailgun's API, played by a server on loopback."""

import asyncio
import base64
from email import message_from_bytes
from email.message import Message

import pytest

from echo.mail import Letter, MailFailure, build_sender, write
from echo.settings import MailSettings, load_settings
from tests.support.loopback import Provider, answer_with, provider

KEY = "key-canary"


def settings_of(running: Provider) -> MailSettings:
    environ = {"MAILGUN_API_KEY": KEY, "MAILGUN_DOMAIN": "mg.example.com", "MAILGUN_HOST": running.url}
    mail = load_settings({**environ, "EMAIL_FROM": "echo@example.com", "EMAIL_HOST": "ignored"}).mail
    assert mail is not None
    return mail


def send(running: Provider) -> None:
    settings = settings_of(running)
    message = write(Letter("Hello", ("Some text.",)), "ada@example.com", settings)
    asyncio.run(build_sender(settings).send(message))


def parts_of(running: Provider) -> dict[str, bytes]:
    """The fields of the form that was sent."""
    [request] = running.requests
    form = message_from_bytes(
        b"Content-Type: " + request.headers["Content-Type"].encode() + b"\n\n" + request.body
    )
    parts = form.get_payload()
    assert isinstance(parts, list)
    fields: dict[str, bytes] = {}
    for part in parts:
        assert isinstance(part, Message)
        content = part.get_payload(decode=True)
        inner = part.get_payload()
        fields[str(part.get_param("name", header="content-disposition"))] = (
            content if isinstance(content, bytes) else str(inner[0]).encode()  # type: ignore[index]
        )
    return fields


class TestMailgun:
    def test_gets_the_whole_message_with_its_key_and_no_tracking(self) -> None:
        with provider(answer_with({"id": "<x>", "message": "Queued."})) as running:
            send(running)
            [request] = running.requests
            fields = parts_of(running)
        assert request.path == "/v3/mg.example.com/messages.mime"
        assert request.headers["Authorization"] == f"Basic {base64.b64encode(b'api:key-canary').decode()}"
        assert (fields["to"], fields["o:tracking-clicks"]) == (b"ada@example.com", b"no")
        assert b"Subject: Hello" in fields["message"]
        assert b"Some text." in fields["message"]

    @pytest.mark.parametrize(
        ("status", "words", "final"),
        [(401, "refuses MAILGUN_API_KEY (401)", False), (404, "MAILGUN_DOMAIN", False), (400, "(400)", True)],
    )
    def test_that_refuses_is_told_without_its_key(self, status: int, words: str, final: bool) -> None:
        with provider(answer_with({}, status=status)) as running, pytest.raises(MailFailure) as caught:
            send(running)
        assert words in str(caught.value)
        assert "canary" not in str(caught.value)
        assert caught.value.final == final

    def test_that_is_not_there_is_tried_again(self) -> None:
        with provider(answer_with({})) as running:
            pass
        with pytest.raises(MailFailure, match="cannot be reached") as caught:
            send(running)
        assert not caught.value.final

    def test_is_tried_by_asking_for_the_domain(self) -> None:
        with provider(answer_with({})) as running:
            said = asyncio.run(build_sender(settings_of(running)).probe())
        assert said == "Mailgun answers, and knows mg.example.com"
        assert running.requests[0].path == "/v4/domains/mg.example.com"
