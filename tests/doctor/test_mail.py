"""What the doctor says of mail."""

from collections.abc import Iterator

import pytest

from echo.doctor import Finding, begin
from echo.doctor.mail import check_mail
from tests.support.loopback import answer_with, provider
from tests.support.mail import MailServer, mail_server


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server("starttls") as running:
        yield running


def look(environ: dict[str, str], *, offline: bool = False) -> Finding:
    [found] = check_mail(begin(environ, None, offline=offline))
    assert "canary" not in found.what + found.todo
    return found


class TestMail:
    def test_is_no_matter_where_there_is_none(self) -> None:
        assert look({}).status == "skipped"

    def test_is_tried_with_its_login_and_nothing_is_sent(self, server: MailServer) -> None:
        environ = {**server.environ, "EMAIL_ALLOW_SELFSIGNED": "true"}
        assert look(environ).what == "127.0.0.1 answers with TLS and takes the login"
        found = look({**environ, "EMAIL_PASSWORD": "wrong-canary"})
        assert (str(found.status), "(535)" in found.what) == ("failed", True)
        assert look(environ, offline=True).status == "skipped"
        assert server.inbox.mails == []

    def test_a_certificate_that_is_not_accepted_fails(self, server: MailServer) -> None:
        found = look(server.environ)
        assert (str(found.status), "certificate" in found.what) == ("failed", True)

    def test_a_key_of_mailguns_that_may_only_send_is_a_warning(self) -> None:
        with provider(answer_with({}, status=401)) as running:
            environ = {
                "MAILGUN_API_KEY": "canary",
                "MAILGUN_DOMAIN": "mg.example",
                "MAILGUN_HOST": running.url,
            }
            found = look({**environ, "EMAIL_FROM": "echo@example.com"})
        assert (str(found.status), "echo-api mail test" in found.todo) == ("warning", True)
