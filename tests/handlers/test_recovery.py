"""Links in mails: an address is proved, and another password set, on an Echo that sends by a real mail server."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import bcrypt
import pytest
from bson import ObjectId
from starlette.testclient import TestClient

from echo.accounts.links import Links
from echo.app import assemble
from storage.accounts.link_tokens import LinkTokenRepository
from storage.core.database import Database
from tests.conftest import PASSWORD, Client, MakeUser, UserClient, make_settings
from tests.handlers.conftest import Stored
from tests.support.asgi import QuickClient
from tests.support.authenticator import Authenticator
from tests.support.contract import ProjectChecker
from tests.support.mail import Inbox, MailServer, mail_server
from tests.support.two_factor import SECRET, code_of, give_second_factor
from tests.support.waiting import until

NEW_PASSWORD = "battery staple 2 horse"
CHAT = "/chat/api"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server("plain") as running:
        yield running


@pytest.fixture
def inbox(server: MailServer) -> Inbox:
    return server.inbox


@pytest.fixture(scope="module")
def mailing(
    application_uri: str, tmp_path_factory: pytest.TempPathFactory, server: MailServer, running: TestClient
) -> Iterator[TestClient]:
    """An Echo that sends mail, on the database of the others."""
    environ = {
        **server.environ,
        "ALLOW_PASSWORD_RESET": "true",
        "DOMAIN_CLIENT": "https://chat.example.com/c",
    }
    settings = make_settings(application_uri, tmp_path_factory.mktemp("mailing"), APP_TITLE="Ask", **environ)
    with QuickClient(
        assemble(settings).asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000)
    ) as http:
        yield http


@pytest.fixture
def post(mailing: TestClient, checker: ProjectChecker) -> Client:
    """An anonymous client of it."""
    return Client(mailing, checker)


def new_address() -> str:
    return f"grace-{secrets.token_hex(6)}@example.com"


def register(client: Client, email: str, base: str = "/api") -> Any:
    body = {"name": "Grace", "email": email, "password": PASSWORD, "confirm_password": PASSWORD}
    return client.post(f"{base}/auth/register", json=body)


def log_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post("/api/auth/login", json={"email": email, "password": password})


def answer(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


class TestRegistration:
    def test_is_complete_when_the_address_is_verified(
        self, post: Client, inbox: Inbox, stored: Stored
    ) -> None:
        email = new_address()
        assert register(post, email).status_code == 201
        user = stored.users.find_one({"email": email})
        assert user is not None
        assert user["emailVerified"] is False
        week = user["expiresAt"] - datetime.now(UTC)
        assert timedelta(days=6, hours=23) < week <= timedelta(days=7)
        assert answer(log_in(post, email)) == (422, "email_unverified")
        mail = inbox.wait_for(email)
        assert mail.link.startswith("https://chat.example.com/c/verify?token=")
        assert mail.message["Subject"] == "Confirm your e-mail address for Ask"
        fields = mail.fields
        assert (fields["email"], len(fields["token"])) == (email, 64)
        done = post.post("/api/user/verify", json=fields)
        assert (done.status_code, done.json()["status"]) == (200, "success")
        user = stored.users.find_one({"email": email})
        assert user is not None
        assert (user["emailVerified"], "expiresAt" in user) == (True, False)
        assert log_in(post, email).status_code == 200
        # A link works once.
        assert answer(post.post("/api/user/verify", json=fields)) == (400, "invalid_link")

    def test_who_does_not_know_the_password_does_not_learn_that_it_is_not(self, post: Client) -> None:
        email = new_address()
        register(post, email)
        assert answer(log_in(post, email, "wrong password 1")) == (401, "wrong_credentials")

    def test_with_a_taken_address_answers_the_same_and_its_owner_is_told(
        self, post: Client, inbox: Inbox, ada: UserClient
    ) -> None:
        first = register(post, new_address(), CHAT)
        second = register(post, ada.email, CHAT)
        assert first.status_code == second.status_code == 200
        assert first.json() == second.json()
        assert "already" in inbox.wait_for(ada.email).message["Subject"]
        # Once an hour, however often it is tried.
        register(post, ada.email, CHAT)
        post.post("/api/auth/requestPasswordReset", json={"email": ada.email})
        assert "new password" in inbox.wait_for(ada.email, 2).message["Subject"]

    def test_another_link_takes_the_place_of_the_first(
        self, post: Client, inbox: Inbox, stored: Stored
    ) -> None:
        email = new_address()
        register(post, email)
        first = inbox.wait_for(email).fields
        until(lambda: stored.echo_mails.count_documents({"to": email}) == 0)
        assert post.post("/api/user/verify/resend", json={"email": email.upper()}).status_code == 200
        second = inbox.wait_for(email, 2).fields
        assert answer(post.post("/api/user/verify", json=first)) == (400, "invalid_link")
        encoded = {**second, "email": email.replace("@", "%40")}
        assert post.post("/api/user/verify", json=encoded).status_code == 200

    def test_a_link_proves_its_own_address_only(self, post: Client, inbox: Inbox) -> None:
        email, other = new_address(), new_address()
        register(post, email)
        register(post, other)
        token = inbox.wait_for(email).fields["token"]
        inbox.wait_for(other)
        for wrong in (other, new_address(), "x"):
            assert answer(post.post("/api/user/verify", json={"email": wrong, "token": token}))[0] == 400
        assert post.post("/api/user/verify", json={"email": email, "token": token}).status_code == 200

    def test_a_link_expires(self, post: Client, inbox: Inbox, stored: Stored) -> None:
        email = new_address()
        register(post, email)
        fields = inbox.wait_for(email).fields
        token = stored.tokens.find_one({"email": email})
        assert token is not None
        life = token["expiresAt"] - token["createdAt"]
        assert timedelta(minutes=14) < life <= timedelta(minutes=15)
        past = datetime.now(UTC) - timedelta(seconds=1)
        stored.tokens.update_one({"_id": token["_id"]}, {"$set": {"expiresAt": past}})
        assert answer(post.post("/api/user/verify", json=fields)) == (400, "invalid_link")


class TestWithoutMail:
    def test_nobody_waits_for_a_link(self, api: Client, stored: Stored) -> None:
        email = new_address()
        assert register(api, email).status_code == 201
        user = stored.users.find_one({"email": email})
        assert user is not None
        assert (user["emailVerified"], "expiresAt" in user) == (True, False)
        assert log_in(api, email).status_code == 200
        resent = api.post("/api/user/verify/resend", json={"email": email})
        assert answer(resent) == (403, "mail_disabled")
        assert resent.json()["message"] == "This server sends no mail."
        asked = api.post("/api/auth/requestPasswordReset", json={"email": email})
        assert answer(asked) == (403, "password_reset_disabled")
        assert asked.json()["message"] == "Passwords cannot be reset by mail on this server."
        assert stored.echo_mails.count_documents({"to": email}) == 0
        config = api.get("/api/config").json()
        assert (config["emailEnabled"], config["passwordResetEnabled"]) == (False, False)

    def test_accounts_older_than_verification_are_verified(
        self, api: Client, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        for user, made in ((ada, datetime(2024, 6, 7, tzinfo=UTC)), (bob, datetime(2024, 6, 8, tzinfo=UTC))):
            change = {"emailVerified": False, "createdAt": made}
            stored.users.update_one({"_id": ObjectId(user.id)}, {"$set": change})
        assert log_in(api, ada.email).status_code == 200
        assert ada.get(f"{CHAT}/user").json()["emailVerified"] is True
        assert answer(log_in(api, bob.email)) == (422, "email_unverified")


class TestReset:
    def test_sets_another_password_and_ends_all_sessions(
        self, post: Client, inbox: Inbox, ada: UserClient, stored: Stored
    ) -> None:
        asked = post.post("/api/auth/requestPasswordReset", json={"email": ada.email})
        assert asked.status_code == 200
        mail = inbox.wait_for(ada.email)
        assert mail.link.startswith("https://chat.example.com/c/reset-password?token=")
        assert mail.fields["userId"] == ada.id
        assert mail.link.replace("&", "&amp;") in mail.text("html")
        token = stored.tokens.find_one({"userId": ObjectId(ada.id)})
        assert token is not None
        assert bcrypt.checkpw(mail.fields["token"].encode(), token["token"].encode())
        assert (token["type"], token["token"][:4]) == ("password_reset", "$2b$")
        body = {**mail.fields, "password": NEW_PASSWORD, "confirm_password": NEW_PASSWORD}
        # What is refused for another reason leaves the link good.
        weak = {**body, "password": "password123", "confirm_password": "password123"}
        assert answer(post.post("/api/auth/resetPassword", json=weak)) == (400, "common_password")
        differs = {**body, "confirm_password": "another 3 password"}
        assert answer(post.post("/api/auth/resetPassword", json=differs)) == (400, "validation_failed")
        stored.echo_passkeys.insert_one({"user": ObjectId(ada.id), "credentialId": str(ObjectId())})
        assert post.post("/api/auth/resetPassword", json=body).status_code == 200
        assert stored.echo_passkeys.count_documents({"user": ObjectId(ada.id)}) == 0
        assert log_in(post, ada.email).status_code == 401
        assert log_in(post, ada.email, NEW_PASSWORD).status_code == 200
        assert stored.sessions.count_documents({"_id": ObjectId(ada.session_id)}) == 0
        assert answer(post.post("/api/auth/resetPassword", json=body)) == (400, "invalid_link")
        assert inbox.wait_for(ada.email, 2).message["Subject"] == "Your password for Ask was changed"

    def test_tells_nothing_of_addresses(
        self, post: Client, inbox: Inbox, ada: UserClient, stored: Stored
    ) -> None:
        nobody, social = new_address(), new_address()
        social_user = {"email": social, "provider": "openid", "password": "x", "emailVerified": True}
        stored.users.insert_one(social_user)
        bodies = []
        for email in (nobody, social, ada.email):
            response = post.post(f"{CHAT}/auth/requestPasswordReset", json={"email": email})
            bodies.append((response.status_code, response.json()))
        assert bodies[0] == bodies[1] == bodies[2]
        assert "link" not in bodies[0][1]
        inbox.wait_for(ada.email)
        until(lambda: not stored.echo_mails.count_documents({"to": {"$in": [nobody, social]}}))
        assert not inbox.to(nobody)
        assert not inbox.to(social)

    def test_links_of_others_and_of_nobody_are_refused_alike(
        self, post: Client, inbox: Inbox, ada: UserClient, bob: UserClient
    ) -> None:
        post.post("/api/auth/requestPasswordReset", json={"email": ada.email})
        fields = {**inbox.wait_for(ada.email).fields, "password": NEW_PASSWORD}
        bodies = []
        for owner, token in (
            (bob.id, fields["token"]),
            ("0" * 24, "x"),
            ("nobody", "x"),
            (ada.id, "x" * 128),
        ):
            response = post.post("/api/auth/resetPassword", json={**fields, "userId": owner, "token": token})
            bodies.append({**response.json(), "requestId": ""})
        assert bodies[0]["code"] == "invalid_link"
        assert bodies[0]["message"] == "The link is wrong, was used already, or is too old."
        assert all(body == bodies[0] for body in bodies)
        assert post.post("/api/auth/resetPassword", json=fields).status_code == 200

    def test_proves_the_address_and_what_was_before_goes(
        self, post: Client, inbox: Inbox, ada: UserClient, stored: Stored
    ) -> None:
        key = ada.post("/api/api-keys", json={"name": "squatter"})
        assert key.status_code == 201
        # A passkey opens the account without any password.
        passkey = {"user": ObjectId(ada.id), "credentialId": secrets.token_hex(8)}
        stored.echo_passkeys.insert_many(
            [passkey, {**passkey, "_id": 1, "credentialId": "x", "user": ObjectId()}]
        )
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"emailVerified": False}})
        post.post("/api/auth/requestPasswordReset", json={"email": ada.email})
        fields = inbox.wait_for(ada.email).fields
        assert (
            post.post("/api/auth/resetPassword", json={**fields, "password": NEW_PASSWORD}).status_code == 200
        )
        assert log_in(post, ada.email, NEW_PASSWORD).status_code == 200
        assert stored.agentapikeys.count_documents({"userId": ObjectId(ada.id)}) == 0
        assert stored.echo_passkeys.count_documents({"user": ObjectId(ada.id)}) == 0
        assert stored.echo_passkeys.delete_one({"_id": 1}).deleted_count == 1

    def test_by_a_link_of_the_operators_proves_no_address(
        self, post: Client, ada: UserClient, stored: Stored, app_database: Database
    ) -> None:
        """It was handed over otherwise: who has it need not read the address's mail."""
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"emailVerified": False}})
        assert ada.post("/api/api-keys", json={"name": "mine"}).status_code == 201
        link = Links(LinkTokenRepository(app_database), "http://x").reset(ada.id)
        token = parse_qs(urlsplit(link).query)["token"][0]
        body = {"userId": ada.id, "token": token, "password": NEW_PASSWORD, "confirm_password": NEW_PASSWORD}
        assert post.post("/api/auth/resetPassword", json=body).status_code == 200
        assert answer(log_in(post, ada.email, NEW_PASSWORD)) == (422, "email_unverified")
        assert stored.agentapikeys.count_documents({"userId": ObjectId(ada.id)}) == 1

    def test_leaves_the_keys_of_a_verified_account(
        self, post: Client, inbox: Inbox, ada: UserClient, stored: Stored
    ) -> None:
        assert ada.post("/api/api-keys", json={"name": "mine"}).status_code == 201
        post.post("/api/auth/requestPasswordReset", json={"email": ada.email})
        fields = inbox.wait_for(ada.email).fields
        assert (
            post.post("/api/auth/resetPassword", json={**fields, "password": NEW_PASSWORD}).status_code == 200
        )
        assert stored.agentapikeys.count_documents({"userId": ObjectId(ada.id)}) == 1


class TestAnotherAddress:
    @pytest.fixture
    def client(self, mailing: TestClient, checker: ProjectChecker, ada: UserClient) -> Client:
        """Ada, at the Echo that sends mail."""
        return Client(mailing, checker, ada.headers["Authorization"].removeprefix("Bearer "))

    def ask(self, client: Client, email: str, password: str = PASSWORD) -> Any:
        return client.post("/api/user/email", json={"email": email, "password": password})

    def test_is_the_accounts_once_its_link_is_opened(
        self, client: Client, post: Client, inbox: Inbox, ada: UserClient, stored: Stored
    ) -> None:
        new = new_address()
        post.post("/api/auth/requestPasswordReset", json={"email": ada.email})
        reset = {**inbox.wait_for(ada.email).fields, "password": NEW_PASSWORD}
        assert self.ask(client, new.upper()).status_code == 200
        mail = inbox.wait_for(new)
        assert mail.link.startswith("https://chat.example.com/c/verify?token=")
        assert log_in(post, ada.email).status_code == 200
        # To another address than the one that got it, or with a part of it changed, it is nothing.
        assert answer(post.post("/api/user/verify", json={**mail.fields, "email": new_address()}))[0] == 400
        forged = {**mail.fields, "token": "0" * 24 + mail.fields["token"][24:]}
        assert answer(post.post("/api/user/verify", json=forged)) == (400, "invalid_link")
        assert post.post("/api/user/verify", json=mail.fields).status_code == 200
        user = stored.users.find_one({"_id": ObjectId(ada.id)})
        assert user is not None
        assert (user["email"], user["emailVerified"]) == (new, True)
        assert log_in(post, new).status_code == 200
        assert log_in(post, ada.email).status_code == 401
        assert "was changed" in inbox.wait_for(ada.email, 2).message["Subject"]
        # What was sent to the address before is void.
        assert answer(post.post("/api/auth/resetPassword", json=reset)) == (400, "invalid_link")
        assert answer(post.post("/api/user/verify", json=mail.fields)) == (400, "invalid_link")

    def test_of_somebody_else_is_not_told_to_who_asks(
        self, client: Client, inbox: Inbox, bob: UserClient, stored: Stored, ada: UserClient
    ) -> None:
        taken, free = self.ask(client, bob.email), self.ask(client, new_address())
        assert (taken.status_code, taken.json()) == (free.status_code, free.json())
        assert "already" in inbox.wait_for(bob.email).message["Subject"]
        assert not stored.tokens.count_documents({"email": bob.email})

    def test_that_was_taken_meanwhile_is_not_given(
        self, client: Client, inbox: Inbox, bob: UserClient, stored: Stored, ada: UserClient
    ) -> None:
        new = new_address()
        self.ask(client, new)
        fields = inbox.wait_for(new).fields
        stored.users.update_one({"_id": ObjectId(bob.id)}, {"$set": {"email": new}})
        assert answer(client.post("/api/user/verify", json=fields)) == (400, "invalid_link")
        assert stored.users.count_documents({"_id": ObjectId(ada.id), "email": ada.email}) == 1
        assert not inbox.to(ada.email)

    def test_is_not_given_after_another_password(
        self, client: Client, inbox: Inbox, ada: UserClient, stored: Stored
    ) -> None:
        """Who knew the old password, and asked for it, is to be outside."""
        new = new_address()
        self.ask(client, new)
        fields = inbox.wait_for(new).fields
        body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        assert client.post("/api/user/password", json=body).status_code == 200
        assert answer(client.post("/api/user/verify", json=fields)) == (400, "invalid_link")
        assert stored.users.count_documents({"_id": ObjectId(ada.id), "email": ada.email}) == 1

    def test_needs_the_password_and_the_second_factor(
        self, client: Client, ada: UserClient, stored: Stored, api: Client
    ) -> None:
        assert answer(self.ask(client, new_address(), "wrong password 1")) == (403, "password_refused")
        assert answer(self.ask(client, "nobody@localhost")) == (400, "validation_failed")
        assert answer(self.ask(ada, new_address())) == (403, "email_change_disabled")
        give_second_factor(stored.users, ada.id)
        assert answer(self.ask(client, new_address())) == (403, "code_refused")
        body = {"email": new_address(), "password": PASSWORD, "token": code_of()}
        assert client.post("/api/user/email", json=body).status_code == 200
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"provider": "openid"}})
        assert answer(self.ask(client, new_address())) == (403, "password_refused")


class TestNotices:
    def test_of_a_second_factor(
        self, mailing: TestClient, checker: ProjectChecker, inbox: Inbox, guarded: UserClient
    ) -> None:
        client = Client(mailing, checker, guarded.headers["Authorization"].removeprefix("Bearer "))
        assert client.post("/api/auth/2fa/disable", json={"token": code_of(SECRET)}).status_code == 200
        assert inbox.wait_for(guarded.email).message["Subject"] == "Two-factor authentication is off at Ask"

    def test_of_another_password(
        self, mailing: TestClient, checker: ProjectChecker, inbox: Inbox, ada: UserClient
    ) -> None:
        client = Client(mailing, checker, ada.headers["Authorization"].removeprefix("Bearer "))
        body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        assert client.post("/api/user/password", json=body).status_code == 200
        assert inbox.wait_for(ada.email).message["Subject"] == "Your password for Ask was changed"

    def test_of_a_passkey(
        self, mailing: TestClient, checker: ProjectChecker, inbox: Inbox, ada: UserClient
    ) -> None:
        client = Client(mailing, checker, ada.headers["Authorization"].removeprefix("Bearer "))
        challenge = client.post("/api/user/passkeys/challenge", json={"password": PASSWORD}).json()
        credential = Authenticator("https://chat.example.com", "chat.example.com").create(challenge)
        body = {"challengeId": challenge["challengeId"], "name": "Phone", "credential": credential}
        assert client.post("/api/user/passkeys", json=body).status_code == 201
        assert inbox.wait_for(ada.email).message["Subject"] == "A passkey was added to your account at Ask"


class TestStartup:
    def test_says_what_there_is(self, post: Client) -> None:
        for base in ("/api", CHAT):
            config = post.get(f"{base}/config").json()
            assert (config["emailEnabled"], config["passwordResetEnabled"]) == (True, True)


def test_links_are_limited_by_address_of_the_client_and_of_the_account(
    application_uri: str, tmp_path: Path, server: MailServer, checker: ProjectChecker, make_user: MakeUser
) -> None:
    settings = make_settings(
        application_uri,
        tmp_path,
        **server.environ,
        ALLOW_PASSWORD_RESET="true",
        ECHO_RATE_LIMITS="on",
        RESET_PASSWORD_MAX="3",
        VERIFY_EMAIL_MAX="1",
    )
    with QuickClient(assemble(settings).asgi, client=("203.0.113.9", 50000)) as http:
        client = Client(http, checker)
        asked = [
            client.post("/api/auth/requestPasswordReset", json={"email": new_address()}).status_code
            for _ in range(4)
        ]
        body = {"userId": "0" * 24, "token": "x", "password": NEW_PASSWORD}
        tried = [client.post("/api/auth/resetPassword", json=body).status_code for _ in range(4)]
        again = [client.post("/api/user/verify/resend", json={"email": new_address()}) for _ in range(2)]
        proved = [
            client.post("/api/user/verify", json={"email": "a@x.example", "token": "x"}) for _ in range(2)
        ]
    assert asked == [200, 200, 200, 429]
    assert tried == [400, 400, 400, 429]
    assert [each.status_code for each in (*again, *proved)] == [200, 429, 400, 429]
