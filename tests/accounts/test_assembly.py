"""How the parts of accounts fit together: what one does, another one sees, by the settings, on one database."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyotp
import pytest
from bson import ObjectId
from connexion.lifecycle import ConnexionRequest
from starlette.datastructures import Headers

from echo.accounts.assembly import Accounts, build_accounts
from echo.accounts.service import HalfSignedIn, SignedIn
from echo.accounts.tokens import hash_token
from echo.accounts.two_factor import Proof
from echo.errors import Conflict, Forbidden, InvalidRequest, ServiceUnavailable, Unauthorized
from echo.files import FileStore
from echo.handling.caller import Caller, ClientInfo
from echo.settings import Settings
from storage.core.database import Database
from storage.operator.administration import InvitationDirectory
from tests.conftest import PASSWORD, make_settings
from tests.support.authenticator import Authenticator
from tests.support.clock import no_waiting_for_farewells
from tests.support.mail import Inbox, MailServer, mail_server
from tests.support.waiting import until

CLIENT = ClientInfo("203.0.113.7", secure=True, device="phone")
ADDRESS = "https://chat.example.com/c"
NEW_PASSWORD = "battery staple 2 horse"
NOTHING = Proof()


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server("plain") as running:
        yield running


class Desk:
    """The accounts of one database, and the mails that they have put into its outbox."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self.database = database
        self.accounts = accounts

    def register(self, **changes: Any) -> dict[str, Any]:
        fields = {"name": "Grace", "username": None, "password": PASSWORD, **changes}
        email = fields.pop("email", f"grace-{ObjectId()}@example.com")
        return self.accounts.registration.register(CLIENT, email=email, **fields)

    def log_in(self, user: dict[str, Any], password: str = PASSWORD) -> SignedIn | HalfSignedIn:
        return self.accounts.auth.login(user["email"], password, CLIENT)

    def caller(self, user: dict[str, Any]) -> Caller:
        """The user in a session that has just begun."""
        signed_in = self.log_in(user)
        assert isinstance(signed_in, SignedIn)
        return self.accounts.tokens.read_access(signed_in.token).caller

    def mails(self, to: str) -> list[str]:
        """The kinds of what waits to be sent there, by the alphabet."""
        found = self.database.collection("echo_mails").find({"to": to})
        return sorted(each["kind"] for each in found)

    def deliver(self, inbox: Inbox, email: str, number: int = 1) -> Any:
        """The mail of this number to an address, once the post has sent all that are to it, and noted that."""

        def settled() -> bool:
            waiting = self.database.collection("echo_mails").find({"to": email})
            # Those that are kept after they were sent are due at their end.
            return all(each["due"] == each.get("expiresAt") for each in waiting)

        async def run() -> Any:
            sending = asyncio.create_task(self.accounts.post.running())
            try:
                await asyncio.to_thread(until, settled)
                return inbox.wait_for(email, number)
            finally:
                # Python 3.11 loses a cancellation that meets an answer of the server's.
                while not sending.done():
                    sending.cancel()
                    await asyncio.sleep(0.01)

        return asyncio.run(run())


Make = Callable[..., Desk]


@pytest.fixture
def make(database: Database, application_uri: str, tmp_path: Path, server: MailServer) -> Make:
    # Whoever registers first is the administrator.
    database.collection("users").insert_one({"email": "root@example.com", "role": "ADMIN"})

    def make(*, domains: tuple[str, ...] = (), mail: bool = True, **environ: str) -> Desk:
        everything = {
            "APP_TITLE": "Ask",
            "DOMAIN_CLIENT": ADDRESS,
            "ALLOW_PASSWORD_RESET": "true",
            "ALLOW_UNVERIFIED_EMAIL_LOGIN": "true",
            **(server.environ if mail else {}),
            **environ,
        }
        settings = make_settings(application_uri, tmp_path, **everything)
        store = FileStore(tmp_path / "files", max_bytes=1000, max_pixels=1000)

        def live(owner: str | None) -> Settings:
            assert owner is None
            return cast("Settings", SimpleNamespace(allowed_domains=domains))

        return Desk(database, build_accounts(settings, database, store, live=live))

    return make


@pytest.fixture
def desk(make: Make) -> Desk:
    return make()


def _of(user: dict[str, Any]) -> Caller:
    return Caller(str(user["_id"]), "", "", "", "local", "USER")


def request(**headers: str) -> ConnexionRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return cast("ConnexionRequest", SimpleNamespace(headers=Headers(named), context={}))


class TestSessions:
    def test_begin_are_checked_and_end(self, desk: Desk) -> None:
        signed_in = desk.log_in(desk.register())
        assert isinstance(signed_in, SignedIn)
        security, tokens = desk.accounts.security, desk.accounts.tokens
        caller = tokens.read_access(signed_in.token).caller
        bearer = request(Authorization=f"Bearer {signed_in.token}")
        assert asyncio.run(security.check_access_token(bearer))["caller"] == caller
        cookie = request(Cookie=f"refreshToken={signed_in.refresh_token}")
        assert asyncio.run(security.check_refresh_cookie(cookie))["sub"] == caller.id
        asyncio.run(desk.accounts.standing.check(caller))
        again = desk.accounts.auth.refresh(caller, signed_in.refresh_token, CLIENT)
        assert again.refresh_token not in (None, signed_in.refresh_token)
        desk.accounts.auth.logout(caller, CLIENT)
        # At once: the part that remembers sessions is told.
        with pytest.raises(Unauthorized):
            asyncio.run(security.check_access_token(bearer))
        with pytest.raises(Unauthorized):
            asyncio.run(desk.accounts.standing.check(caller))

    def test_end_by_another_password_and_the_user_is_told(self, desk: Desk) -> None:
        user = desk.register()
        other, caller = desk.caller(user), desk.caller(user)
        for each in (other, caller):
            asyncio.run(desk.accounts.standing.check(each))
        account = desk.accounts.own_account
        assert len(account.sessions(caller)) == 2
        assert account.change_password(caller, PASSWORD, NEW_PASSWORD, NOTHING) == 1
        with pytest.raises(Unauthorized):
            asyncio.run(desk.accounts.standing.check(other))
        assert isinstance(desk.log_in(user, NEW_PASSWORD), SignedIn)
        assert desk.mails(user["email"]) == ["email_verification", "password_changed"]

    def test_of_secure_cookies_are_as_they_are_set(self, make: Make) -> None:
        for setting in ("true", "false"):
            desk = make(SESSION_COOKIE_SECURE=setting)
            signed_in = desk.log_in(desk.register())
            assert isinstance(signed_in, SignedIn)
            assert ("; Secure;" in str(signed_in.cookie)) is (setting == "true")


class TestApiKeys:
    def test_open_and_are_forgotten_at_once_where_they_are_deleted(self, desk: Desk) -> None:
        user = desk.register()
        made = desk.accounts.api_keys.create(str(user["_id"]), name="mine")
        bearer, header = request(Authorization=f"Bearer {made.key}"), request(x_api_key=made.key)
        caller = asyncio.run(desk.accounts.security.check_api_key(bearer))["caller"]
        assert (caller.id, caller.email) == (str(user["_id"]), user["email"])
        assert asyncio.run(desk.accounts.security.check_key_header(header))["caller"] == caller
        asyncio.run(desk.accounts.standing.check(caller))
        desk.accounts.api_keys.delete(str(user["_id"]), str(made.document["_id"]))
        with pytest.raises(Unauthorized):
            asyncio.run(desk.accounts.security.check_api_key(bearer))
        with pytest.raises(Unauthorized):
            asyncio.run(desk.accounts.standing.check(caller))

    def test_of_a_user_who_is_banned_open_nothing(self, make: Make) -> None:
        desk = make(BAN_VIOLATIONS="true", BAN_INTERVAL="1")
        user = desk.register()
        made = desk.accounts.api_keys.create(str(user["_id"]), name="mine")
        desk.accounts.violations.count("logins", str(user["_id"]), None)
        with pytest.raises(Unauthorized):
            asyncio.run(desk.accounts.security.check_api_key(request(Authorization=f"Bearer {made.key}")))


def test_the_metrics_have_the_secret_of_the_settings(make: Make) -> None:
    security = make(METRICS_SECRET="a long secret").accounts.security
    bearer = request(Authorization="Bearer a long secret")
    assert asyncio.run(security.check_metrics_secret(bearer)) == {}
    with pytest.raises(Unauthorized):
        asyncio.run(make().accounts.security.check_metrics_secret(bearer))


class TestBans:
    def test_of_an_account_and_an_address_end_what_there_is(self, make: Make) -> None:
        desk = make(BAN_VIOLATIONS="true", BAN_INTERVAL="1")
        user = desk.register()
        caller = desk.caller(user)
        public = ClientInfo("93.184.216.34", secure=True)
        desk.accounts.violations.count("logins", caller.id, public.address)
        assert desk.database.collection("sessions").count_documents({"user": ObjectId(caller.id)}) == 0
        with pytest.raises(Forbidden) as refused:
            desk.log_in(user)
        assert refused.value.code == "account_banned"
        attempts: list[Callable[[], Any]] = [
            lambda: desk.accounts.auth.login(user["email"], PASSWORD, public),
            lambda: desk.accounts.recovery.request_reset(public, user["email"]),
            lambda: desk.accounts.registration.register(
                public, name="x", email="new@example.com", username=None, password=PASSWORD
            ),
        ]
        for attempt in attempts:
            with pytest.raises(Forbidden) as refused:
                attempt()
            assert refused.value.code == "address_banned"


class TestSecondFactor:
    def test_is_set_up_asked_for_and_switched_off_and_the_user_is_told(self, desk: Desk) -> None:
        user = desk.register()
        caller = desk.caller(user)
        setup = desk.accounts.two_factor.begin(caller.id, user["email"], NOTHING)
        app = pyotp.parse_uri(setup.address)
        assert (app.name, app.issuer) == (user["email"], "Ask")
        desk.accounts.two_factor.confirm(caller.id, cast("pyotp.TOTP", app).now())
        half = desk.log_in(user)
        assert isinstance(half, HalfSignedIn)
        proof = Proof(backup_code=setup.backup_codes[0])
        assert isinstance(desk.accounts.auth.login_second(half.token, proof, CLIENT), SignedIn)
        # Everything that needs it asks the same one.
        needs: list[Callable[[], Any]] = [
            lambda: desk.accounts.own_account.change_password(caller, PASSWORD, NEW_PASSWORD, NOTHING),
            lambda: desk.accounts.addresses.request(caller, "new@example.com", PASSWORD, NOTHING),
            lambda: desk.accounts.deletion.delete(caller, NOTHING),
        ]
        for attempt in needs:
            with pytest.raises(Forbidden) as refused:
                attempt()
            assert refused.value.code == "code_refused"
        desk.accounts.two_factor.disable(caller.id, Proof(backup_code=setup.backup_codes[1]))
        assert desk.mails(user["email"]) == ["email_verification", "two_factor_off", "two_factor_on"]

    def test_needs_the_key_of_the_settings(self, make: Make) -> None:
        desk = make(CREDS_KEY="", CREDS_IV="")
        with pytest.raises(ServiceUnavailable):
            desk.accounts.two_factor.begin(str(desk.register()["_id"]), "x", NOTHING)


class TestMails:
    def test_have_links_that_are_taken(self, desk: Desk, server: MailServer) -> None:
        user = desk.register()
        mail = desk.deliver(server.inbox, user["email"])
        assert mail.message["Subject"] == "Confirm your e-mail address for Ask"
        assert mail.link.startswith(f"{ADDRESS}/verify?token=")
        desk.accounts.recovery.verify(CLIENT, **mail.fields)
        assert desk.accounts.users.get(str(user["_id"]))["emailVerified"] is True
        desk.accounts.recovery.request_reset(CLIENT, user["email"])
        mail = desk.deliver(server.inbox, user["email"], 2)
        assert mail.link.startswith(f"{ADDRESS}/reset-password?token=")
        desk.accounts.api_keys.create(str(user["_id"]), name="mine")
        caller = desk.caller(user)
        desk.accounts.recovery.reset(
            CLIENT, owner=mail.fields["userId"], token=mail.fields["token"], password=NEW_PASSWORD
        )
        assert isinstance(desk.log_in(user, NEW_PASSWORD), SignedIn)
        assert desk.database.collection("sessions").count_documents({"_id": ObjectId(caller.session_id)}) == 0
        assert desk.mails(user["email"]) == ["password_changed"]

    def test_ask_for_another_address_where_that_may_be(self, make: Make, server: MailServer) -> None:
        desk = make(ECHO_ALLOW_EMAIL_CHANGE="true")
        user = desk.register()
        new = f"new-{ObjectId()}@example.com"
        desk.accounts.addresses.request(desk.caller(user), new, PASSWORD, NOTHING)
        mail = desk.deliver(server.inbox, new)
        desk.accounts.recovery.verify(CLIENT, **mail.fields)
        assert desk.accounts.users.get(str(user["_id"]))["email"] == new

    def test_to_who_has_an_account_already_go_once_an_hour(self, desk: Desk, server: MailServer) -> None:
        user = desk.register()
        fields = {"name": "x", "email": user["email"], "username": None, "password": PASSWORD}
        desk.accounts.registration.register_quietly(CLIENT, **fields)
        assert desk.mails(user["email"]) == ["address_taken", "email_verification"]
        desk.deliver(server.inbox, user["email"], 2)
        outbox, about = desk.database.collection("echo_mails"), {"to": user["email"], "kind": "address_taken"}
        [kept] = outbox.find(about)
        left = kept["expiresAt"] - datetime.now(UTC)
        assert timedelta(minutes=59) < left <= timedelta(hours=1)
        desk.accounts.registration.register_quietly(CLIENT, **fields)
        assert outbox.count_documents(about) == 1

    def test_are_none_without_a_server_for_them(self, make: Make) -> None:
        desk = make(mail=False)
        user = desk.register()
        assert desk.accounts.post.works is False
        assert desk.mails(user["email"]) == []


class TestRegistration:
    def test_is_for_the_domains_that_are_allowed_now(self, make: Make) -> None:
        desk = make(domains=("corp.example",))
        assert desk.register(email=f"{ObjectId()}@corp.example")
        with pytest.raises(Forbidden):
            desk.register()

    def test_is_by_an_invitation_where_it_is_closed(self, make: Make) -> None:
        desk, token, email = make(ALLOW_REGISTRATION="false"), secrets.token_hex(32), "ada@example.com"
        with pytest.raises(Forbidden):
            desk.register(email=email)
        InvitationDirectory(desk.database).create(
            email=email,
            token_hash=hash_token(token),
            expires_at=datetime.now(UTC) + timedelta(hours=1),
            role=None,
        )
        assert desk.register(email=email, token=token)["email"] == email


class TestPasskeys:
    def test_are_of_the_clients_site_and_the_user_is_told(self, desk: Desk) -> None:
        user = desk.register()
        caller, passkeys = desk.caller(user), desk.accounts.passkeys
        begun = passkeys.begin_registration(caller)
        assert begun.options["rp"] == {"id": "chat.example.com", "name": "Ask"}
        device = Authenticator("https://chat.example.com", "chat.example.com")
        challenge = {"challengeId": begun.id, "publicKey": begun.options}
        passkeys.register(caller, begun.id, "Phone", device.create(challenge))
        login = passkeys.begin_login()
        signed = device.sign({"challengeId": login.id, "publicKey": login.options})
        assert passkeys.prove(login.id, signed)["_id"] == user["_id"]
        assert desk.mails(user["email"]) == ["email_verification", "passkey_added"]

    def test_go_with_another_password_by_a_link(self, desk: Desk, server: MailServer) -> None:
        user = desk.register()
        desk.database.collection("echo_passkeys").insert_one({"user": user["_id"], "credentialId": "x"})
        desk.accounts.recovery.request_reset(CLIENT, user["email"])
        fields = desk.deliver(server.inbox, user["email"], 2).fields
        desk.accounts.recovery.reset(
            CLIENT, owner=fields["userId"], token=fields["token"], password=NEW_PASSWORD
        )
        assert desk.accounts.passkeys.list(_of(user)) == []


class TestWhatUsersKeep:
    def test_keys_are_encrypted_by_the_key_of_the_settings(self, make: Make) -> None:
        desk = make(OPENAI_API_KEY="user_provided")
        user = desk.register()
        owner = str(user["_id"])
        desk.accounts.keys.put(owner, name="openAI", value="sk-1")
        found = desk.accounts.keys.credentials(owner, "openAI")
        assert found is not None
        assert found.api_key == "sk-1"
        assert desk.database.collection("keys").count_documents({"userId": user["_id"]}) == 1
        desk.accounts.plugin_keys.install(owner, "weather", {"KEY": "w-1"})
        assert desk.accounts.plugin_keys.get(owner, "weather") == {"KEY": "w-1"}
        desk.accounts.plugin_keys.mark(owner, "weather", installed=True)
        assert desk.accounts.users.get(owner)["plugins"] == ["weather"]

    def test_favorites_and_preferences_are_there(self, desk: Desk) -> None:
        owner = str(desk.register()["_id"])
        desk.accounts.tool_favorites.add(owner, "tool", "search")
        assert len(desk.accounts.tool_favorites.list(owner)) == 1
        assert desk.accounts.preferences.accept_terms(owner)["termsAccepted"] is True

    def test_all_of_it_is_exported(self, desk: Desk) -> None:
        body = desk.accounts.own_data.export(_of(desk.register()))
        assert next(iter(body.pieces)).startswith(b"PK")


class TestDeletion:
    def test_removes_the_account_where_that_is_allowed(self, make: Make) -> None:
        desk = make(ALLOW_ACCOUNT_DELETION="false")
        user = desk.register()
        with pytest.raises(Forbidden) as refused:
            desk.accounts.deletion.delete(desk.caller(user), NOTHING)
        assert refused.value.code == "deletion_disabled"
        with no_waiting_for_farewells():
            desk = make()
            desk.accounts.deletion.delete(desk.caller(user), NOTHING)
        assert desk.accounts.users.find_by_email(user["email"]) is None


def test_passwords_are_as_long_as_the_settings_say(make: Make) -> None:
    desk = make(MIN_PASSWORD_LENGTH="20")
    user = desk.register(password="a password of more than twenty")
    signed_in = desk.log_in(user, "a password of more than twenty")
    assert isinstance(signed_in, SignedIn)
    caller = desk.accounts.tokens.read_access(signed_in.token).caller
    with pytest.raises(InvalidRequest, match="at least 20 characters"):
        desk.accounts.own_account.change_password(
            caller, "a password of more than twenty", "nineteen characters", NOTHING
        )


def test_the_account_of_another_service_gets_no_passkey(desk: Desk) -> None:
    user = desk.register()
    desk.database.collection("users").update_one({"_id": user["_id"]}, {"$set": {"provider": "openid"}})
    with pytest.raises(Conflict):
        desk.accounts.passkeys.begin_registration(_of(user))
