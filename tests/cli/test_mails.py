"""Mail of the command line, by a real mail server."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine
from tests.cli.test_users import EMAIL, log_in, new_user
from tests.conftest import Client
from tests.support.mail import MailServer, mail_server
from tests.support.two_factor import give_second_factor

NEW_PASSWORD = "battery staple 2 horse"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server("plain") as running:
        yield running


@pytest.fixture
def mailing(echo_api: CommandLine, server: MailServer) -> CommandLine:
    """The command line with a mail server."""
    echo_api.environ.update(server.environ, DOMAIN_CLIENT="https://chat.example.com")
    return echo_api


class TestMail:
    def test_a_test_is_sent_at_once(self, mailing: CommandLine, server: MailServer) -> None:
        done = mailing.json("mail", "test", "Probe@Example.com")
        assert done == {"to": "probe@example.com", "from": "echo@example.com", "sent": True}
        assert server.inbox.to("probe@example.com")[0].message["Subject"] == "A test of Echo"

    def test_what_goes_wrong_is_told(self, mailing: CommandLine) -> None:
        assert "refuses the address (550)" in mailing.refused("mail", "test", "refused@example.com")
        assert "e-mail address" in mailing.refused("mail", "test", "nobody")

    def test_without_a_mail_server(self, echo_api: CommandLine) -> None:
        assert "EMAIL_FROM" in echo_api.refused("mail", "test", "a@example.com", code=78)


class TestInvite:
    def test_sends_the_link(self, mailing: CommandLine, server: MailServer) -> None:
        made = mailing.json("invite", "create", "eve@example.com")
        assert made["sent"] is True
        mail = server.inbox.to("eve@example.com")[0]
        assert mail.link == made["link"]
        assert re.search(r"until \d\d \w+ 20\d\d, \d\d:\d\d UTC", mail.text())

    def test_that_cannot_be_sent_is_made_nevertheless(self, mailing: CommandLine) -> None:
        result = mailing.run("invite", "create", "refused@example.com", "--json")
        assert '"sent": false' in result.stdout
        assert "The link was not sent: 127.0.0.1 refuses the address (550)." in result.stderr

    def test_is_not_sent_if_not_wanted_or_without_a_mail_server(
        self, mailing: CommandLine, server: MailServer
    ) -> None:
        assert mailing.json("invite", "create", "quiet@example.com", "--no-mail")["sent"] is False
        assert server.inbox.to("quiet@example.com") == []


class TestResetLink:
    def test_lets_a_user_set_another_password_without_mail(self, echo_api: CommandLine, api: Client) -> None:
        echo_api.environ["DOMAIN_CLIENT"] = "https://chat.example.com"
        user = new_user(echo_api)
        made = echo_api.json("user", "reset-link", EMAIL, "--for", "2h")
        assert made["email"] == EMAIL
        found = re.fullmatch(
            rf"https://chat\.example\.com/reset-password\?token=([0-9a-f]{{64}})&userId={user['id']}",
            made["link"],
        )
        assert found is not None
        body = {"userId": user["id"], "token": found[1], "password": NEW_PASSWORD}
        assert api.post("/api/auth/resetPassword", json=body).status_code == 200
        assert log_in(api, EMAIL, NEW_PASSWORD).status_code == 200
        assert api.post("/api/auth/resetPassword", json=body).status_code == 400

    def test_is_for_a_user_that_there_is(self, echo_api: CommandLine) -> None:
        assert "There is no user" in echo_api.refused("user", "reset-link", "nobody@example.com")


class TestNotices:
    def test_of_what_the_operator_did_wait_for_the_server(
        self, mailing: CommandLine, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        user = new_user(mailing)
        give_second_factor(stored.users, user["id"])
        mailing.run("user", "set-password", EMAIL, "--generate")
        mailing.run("user", "disable-2fa", EMAIL, "--yes")
        waiting = [(each["kind"], each["to"]) for each in stored.echo_mails.find().sort("due")]
        assert waiting == [("password_changed", EMAIL), ("two_factor_off", EMAIL)]
        del mailing.environ["EMAIL_HOST"]
        mailing.run("user", "set-password", EMAIL, "--generate")
        assert stored.echo_mails.count_documents({}) == 2
