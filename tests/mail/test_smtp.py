"""Mail servers of aiosmtpd: what is sent to them, how safely, and what is said of those that refuse."""

import asyncio
import socket

import pytest

from echo.mail import Letter, MailFailure, build_sender, write
from echo.settings import MailSettings, load_settings
from tests.support.mail import HOST, PASSWORD, USER, MailServer

Servers = dict[str, MailServer]
LETTER = Letter("Hello", ("Some text.",))


def settings_of(server: MailServer, **changes: str) -> MailSettings:
    mail = load_settings({**server.environ, **changes}).mail
    assert mail is not None
    return mail


def send(server: MailServer, to: str, **changes: str) -> None:
    settings = settings_of(server, **changes)
    asyncio.run(build_sender(settings).send(write(LETTER, to, settings)))


def probe(server: MailServer, **changes: str) -> str:
    return asyncio.run(build_sender(settings_of(server, **changes)).probe())


def refusal(server: MailServer, to: str = "ada@example.com", **changes: str) -> MailFailure:
    before = len(server.inbox.mails)
    with pytest.raises(MailFailure) as caught:
        send(server, to, **changes)
    assert len(server.inbox.mails) == before
    assert "canary" not in str(caught.value)
    return caught.value


class TestSending:
    @pytest.mark.usefixtures("trusted")
    @pytest.mark.parametrize("kind", ["starttls", "tls"])
    def test_is_encrypted_and_logged_in(self, servers: Servers, kind: str) -> None:
        to = f"{kind}@example.com"
        send(servers[kind], to)
        [mail] = servers[kind].inbox.to(to)
        assert (mail.secure, mail.login) == (True, USER)
        assert mail.message["Subject"] == "Hello"
        assert "Some text." in mail.text()
        assert probe(servers[kind]) == "127.0.0.1 answers with TLS and takes the login"

    def test_without_a_word_of_it_takes_tls_where_it_is_offered(
        self, servers: Servers, trusted: None
    ) -> None:
        send(servers["starttls"], "auto@example.com", EMAIL_ENCRYPTION="")
        assert servers["starttls"].inbox.to("auto@example.com")[0].secure
        send(servers["plain"], "auto@example.com")
        assert not servers["plain"].inbox.to("auto@example.com")[0].secure
        assert probe(servers["plain"]) == "127.0.0.1 answers without TLS"

    def test_takes_addresses_of_any_script(self, servers: Servers) -> None:
        send(servers["plain"], "zoë@bücher.example")
        assert servers["plain"].inbox.mails[-1].to == "zoë@bücher.example"
        send(servers["plain"], "zoe@bücher.example")
        assert servers["plain"].inbox.mails[-1].to == "zoe@xn--bcher-kva.example"

    def test_goes_on_without_a_login_where_half_of_it_is_missing(self, servers: Servers) -> None:
        send(servers["plain"], "half@example.com", EMAIL_USERNAME="somebody")
        assert servers["plain"].inbox.to("half@example.com")[0].login is None


@pytest.mark.usefixtures("trusted")
class TestCertificates:
    @pytest.mark.parametrize("kind", ["starttls", "tls"])
    def test_must_be_for_the_host_or_for_the_name_that_is_given(self, servers: Servers, kind: str) -> None:
        # 127.0.0.1 is not what the certificate is for.
        assert "certificate" in str(refusal(servers[kind], EMAIL_ENCRYPTION_HOSTNAME=""))
        assert "certificate" in str(refusal(servers[kind], EMAIL_ENCRYPTION_HOSTNAME="other.example"))
        send(servers[kind], "named@example.com", EMAIL_ENCRYPTION_HOSTNAME=HOST)

    @pytest.mark.parametrize("kind", ["starttls", "tls"])
    def test_of_an_unknown_authority_are_taken_only_where_that_is_allowed(
        self, servers: Servers, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        failure = refusal(servers[kind])
        assert "certificate" in str(failure)
        assert not failure.final
        send(servers[kind], "any@example.com", EMAIL_ALLOW_SELFSIGNED="true")
        assert servers[kind].inbox.to("any@example.com")[0].secure


class TestRefusals:
    def test_no_password_goes_out_in_the_clear(
        self, servers: Servers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # To another machine, that is: here the network's name of this one stands for it.
        monkeypatch.setattr("echo.mail.smtp.is_this_machine", lambda host: False)
        login = {"EMAIL_USERNAME": USER, "EMAIL_PASSWORD": PASSWORD}
        assert "the password is not sent" in str(refusal(servers["plain"], **login))
        assert "offers no STARTTLS" in str(refusal(servers["plain"], EMAIL_ENCRYPTION="starttls", **login))
        send(servers["plain"], "clear@example.com", EMAIL_ENCRYPTION="none", **login)

    @pytest.mark.usefixtures("trusted")
    def test_of_a_login_are_told_without_it(self, servers: Servers) -> None:
        failure = refusal(servers["starttls"], EMAIL_PASSWORD="other-canary")
        assert str(failure) == "127.0.0.1 refuses EMAIL_USERNAME and EMAIL_PASSWORD (535)"
        assert not failure.final

    def test_of_an_address_are_final_and_those_for_now_are_not(self, servers: Servers) -> None:
        failure = refusal(servers["plain"], "refused@example.com")
        assert (str(failure), failure.final) == ("127.0.0.1 refuses the address (550)", True)
        servers["plain"].inbox.tried = 0
        failure = refusal(servers["plain"], "busy@example.com")
        assert (str(failure), failure.final) == ("127.0.0.1 refuses the address (451)", False)

    def test_a_server_that_is_not_there_or_speaks_something_else(self, servers: Servers) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        assert str(refusal(servers["plain"], EMAIL_PORT=str(port))) == "127.0.0.1: no connection"
        assert "it speaks no TLS" in str(refusal(servers["plain"], EMAIL_ENCRYPTION="tls"))
