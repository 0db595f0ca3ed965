"""Who gets a session, who gets half of one, and what ends one: each refusal with its code and its text."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from bson import ObjectId

from echo.accounts.credentials import StoredCredentials
from echo.accounts.credentials_cipher import CredentialsCipher
from echo.accounts.service import AuthService, HalfSignedIn, SignedIn
from echo.accounts.sessions import SessionGuard
from echo.accounts.tokens import Tokens, hash_refresh_token
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.accounts.violations import Violations
from echo.accounts.writing import Notices
from echo.errors import ApiError, Forbidden, ServiceUnavailable, Unauthorized, Unprocessable
from echo.handling.caller import Caller, ClientInfo
from echo.mail import Post
from echo.settings import Settings
from storage.accounts.bans import FOR_EVER, BanRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.two_factor import TwoFactorRepository, UsedCodeRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from tests.conftest import PASSWORD
from tests.support.two_factor import CREDS_KEY, code_of, give_second_factor

CLIENT = ClientInfo("203.0.113.7", secure=True, device="phone")
UNTIL = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)


class Banned:
    """Violations that have banned an address."""

    def __init__(self, until: datetime | None) -> None:
        self.until = until

    def banned_until(self, address: str) -> datetime | None:
        assert address == CLIENT.address
        return self.until


class Silent:
    """A post that sends nothing."""

    def __init__(self, *, works: bool) -> None:
        self.works = works

    def notify(self, kind: str, to: str) -> None:
        """Nothing."""


class Guard:
    """Notes which sessions have ended here."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []

    def forget(self, owner: str, session_id: str) -> None:
        self.ended.append((owner, session_id))


class Directory(StoredCredentials):
    """Passwords that somebody else vouches for."""

    vouches = True


class Door:
    """A service, and what it works on."""

    def __init__(self, database: Database, settings: Settings, tokens: Tokens, hashed: str) -> None:
        self.database = database
        self.settings = settings
        self.tokens = tokens
        self.hashed = hashed
        self.users = UserRepository(database)
        self.sessions = SessionRepository(database)
        self.bans = BanRepository(database)
        self.guard = Guard()

    def service(
        self,
        *,
        works: bool = True,
        cipher: bool = True,
        address_until: datetime | None = None,
        vouches: bool = False,
        **changes: Any,
    ) -> AuthService:
        post = cast("Post", Silent(works=works))
        return AuthService(
            replace(self.settings, **changes),
            self.tokens,
            users=self.users,
            sessions=self.sessions,
            bans=self.bans,
            guard=cast("SessionGuard", self.guard),
            two_factor=TwoFactorService(
                TwoFactorRepository(self.database),
                UsedCodeRepository(self.database),
                CredentialsCipher(CREDS_KEY, "d1" * 16) if cipher else None,
                issuer="Echo",
                notices=Notices(self.users, post),
            ),
            violations=cast("Violations", Banned(address_until)),
            post=post,
            credentials=Directory(self.users) if vouches else None,
        )

    def user(self, **changes: Any) -> dict[str, Any]:
        email = f"{ObjectId()}@example.com"
        user = self.users.create(name="Ada", email=email, username="ada", password_hash=self.hashed)
        if changes:
            self.database.collection("users").update_one({"_id": user["_id"]}, {"$set": changes})
        return self.users.get(str(user["_id"]))

    def login(self, user: dict[str, Any], *, service: AuthService | None = None, **changes: Any) -> SignedIn:
        made = (service or self.service(**changes)).login(user["email"], PASSWORD, CLIENT)
        assert isinstance(made, SignedIn)
        return made

    def sessions_of(self, user: dict[str, Any]) -> Any:
        return self.sessions.list(str(user["_id"]))


@pytest.fixture
def door(app_database: Database, settings: Settings, tokens: Tokens, password_hash: str) -> Door:
    return Door(app_database, settings, tokens, password_hash)


def refusal(work: Callable[[], Any]) -> tuple[type[ApiError], str, str]:
    with pytest.raises(ApiError) as refused:
        work()
    return type(refused.value), refused.value.code, refused.value.message


WRONG = (Unauthorized, "wrong_credentials", "The e-mail address or the password is wrong.")
WRONG_CODE = (Unauthorized, "wrong_code", "The code is wrong, or the login took too long.")
EXPIRED = (Unauthorized, "session_expired", "The session has ended; log in again.")
UNVERIFIED = (Unprocessable, "email_unverified", "The e-mail address is not verified yet.")
BANNED_ADDRESS = (
    Forbidden,
    "address_banned",
    "Logins and registrations from this address are banned until 2099-01-02T03:04:05Z.",
)


class TestLogin:
    def test_begins_a_session_of_that_user_from_there(self, door: Door) -> None:
        user = door.user()
        made = door.login(user, refresh_seconds=1000)
        [session] = door.sessions_of(user)
        assert (session["address"], session["device"]) == ("203.0.113.7", "phone")
        left = session["expiration"] - datetime.now(UTC)
        assert timedelta(seconds=990) < left <= timedelta(seconds=1000)
        assert made.user == user
        caller = door.tokens.read_access(made.token).caller
        assert caller == Caller(
            str(user["_id"]), str(session["_id"]), user["email"], "ada", "local", user["role"]
        )
        claims = door.tokens.read_refresh(made.refresh_token or "")
        assert (claims.owner, claims.session_id) == (caller.id, caller.session_id)
        stored = door.sessions.get(caller.id, caller.session_id)
        assert stored["refreshTokenHash"] == hash_refresh_token(made.refresh_token or "")
        cookie = made.cookie or ""
        assert cookie.startswith(f"refreshToken={made.refresh_token}; Expires=")
        assert cookie.endswith("; Secure; HttpOnly; Path=/; SameSite=Strict")

    def test_of_a_wrong_password_or_nobody_is_refused_with_one_text(self, door: Door) -> None:
        service, user = door.service(), door.user()
        assert refusal(lambda: service.login(user["email"], "wrong", CLIENT)) == WRONG
        assert refusal(lambda: service.login("nobody@example.com", PASSWORD, CLIENT)) == WRONG
        assert door.sessions_of(user) == []
        assert isinstance(service.login(f" {user['email'].upper()} ", PASSWORD, CLIENT), SignedIn)

    def test_is_off_where_that_is_set(self, door: Door) -> None:
        user = door.user()
        told = (Forbidden, "login_disabled", "Login by e-mail is switched off on this server.")
        assert refusal(lambda: door.login(user, allow_email_login=False)) == told

    def test_from_an_address_that_is_banned_is_refused(self, door: Door) -> None:
        user = door.user()
        assert refusal(lambda: door.login(user, address_until=UNTIL)) == BANNED_ADDRESS
        assert door.sessions_of(user) == []

    @pytest.mark.parametrize(("until", "told"), [(UNTIL, " until 2099-01-02T03:04:05Z"), (FOR_EVER, "")])
    def test_of_a_banned_user_is_refused_and_leaves_no_session(
        self, door: Door, until: datetime, told: str
    ) -> None:
        user = door.user()
        door.bans.ban(str(user["_id"]), until=until)
        refused = (Forbidden, "account_banned", f"This account is banned{told}.")
        assert refusal(lambda: door.login(user)) == refused
        assert door.sessions_of(user) == []
        assert [owner for owner, _ in door.guard.ended] == [str(user["_id"])]
        assert refusal(lambda: door.service().login(user["email"], "wrong", CLIENT)) == WRONG

    def test_asks_whoever_admits_with_the_users_id(self, door: Door) -> None:
        user, asked = door.user(), []

        def admit(owner: str) -> None:
            asked.append(owner)
            raise Forbidden("not here", code="no_admission")

        service = door.service()
        assert (
            refusal(lambda: service.login(user["email"], PASSWORD, CLIENT, admit=admit))[1] == "no_admission"
        )
        assert asked == [str(user["_id"])]
        assert refusal(lambda: service.login(user["email"], "wrong", CLIENT, admit=admit)) == WRONG
        assert asked == [str(user["_id"])]
        assert door.sessions_of(user) == []


class TestAnAddressThatIsNotVerified:
    def test_keeps_its_user_out_unless_that_is_allowed(self, door: Door) -> None:
        user = door.user(emailVerified=False)
        assert refusal(lambda: door.login(user, allow_unverified_login=False)) == UNVERIFIED
        door.login(user, allow_unverified_login=True)
        assert door.users.get(str(user["_id"]))["emailVerified"] is False

    def test_of_an_account_that_is_used_keeps_it(self, door: Door) -> None:
        user = door.user(emailVerified=False, expiresAt=UNTIL)
        door.login(user, allow_unverified_login=True)
        assert "expiresAt" not in door.users.get(str(user["_id"]))

    @pytest.mark.parametrize(
        ("made", "verified"),
        [
            (datetime(2024, 6, 7, 19, 20, 17, tzinfo=UTC), True),
            (datetime(2024, 6, 7, 19, 20, 18, tzinfo=UTC), False),
        ],
    )
    def test_is_of_one_older_than_that_where_no_mail_is_sent(
        self, door: Door, made: datetime, verified: bool
    ) -> None:
        user = door.user(emailVerified=False, createdAt=made)
        closed = door.service(works=True, allow_unverified_login=False)
        assert refusal(lambda: door.login(user, service=closed)) == UNVERIFIED
        without = door.service(works=False, allow_unverified_login=False)
        if verified:
            door.login(user, service=without)
            assert door.users.get(str(user["_id"]))["emailVerified"] is True
        else:
            assert refusal(lambda: door.login(user, service=without)) == UNVERIFIED

    @pytest.mark.parametrize(("second", "verified"), [(0x66635D71, True), (0x66635D72, False)])
    def test_of_an_account_that_does_not_say_when_it_was_made_is_by_its_id(
        self, door: Door, second: int, verified: bool
    ) -> None:
        """`0x66635d72` is the second since which addresses are verified."""
        user = door.user()
        old = {**user, "_id": ObjectId(f"{second:08x}{str(ObjectId())[8:]}"), "emailVerified": False}
        del old["createdAt"]
        door.database.collection("users").delete_one({"_id": user["_id"]})
        door.database.collection("users").insert_one(old)
        without = door.service(works=False, allow_unverified_login=False)
        if verified:
            door.login(old, service=without)
        else:
            assert refusal(lambda: door.login(old, service=without)) == UNVERIFIED

    def test_is_nobodys_business_where_a_directory_vouches(self, door: Door) -> None:
        user = door.user(emailVerified=False)
        door.login(user, vouches=True, allow_unverified_login=False)


class TestTheSecondFactor:
    def half(self, door: Door, user: dict[str, Any], **changes: Any) -> str:
        made = door.service(**changes).login(user["email"], PASSWORD, CLIENT)
        assert isinstance(made, HalfSignedIn)
        return made.token

    @pytest.fixture
    def user(self, door: Door) -> dict[str, Any]:
        user = door.user()
        give_second_factor(door.database.collection("users"), str(user["_id"]))
        return door.users.get(str(user["_id"]))

    def test_is_asked_for_before_there_is_a_session(self, door: Door, user: dict[str, Any]) -> None:
        token = self.half(door, user)
        assert door.sessions_of(user) == []
        made = door.service().login_second(token, Proof(token=code_of()), CLIENT)
        assert made.user["_id"] == user["_id"]
        [session] = door.sessions_of(user)
        assert (session["address"], session["device"]) == ("203.0.113.7", "phone")

    def test_that_is_wrong_or_late_or_of_a_password_before_is_refused_with_one_text(
        self, door: Door, user: dict[str, Any]
    ) -> None:
        service, token, proof = door.service(), self.half(door, user), Proof(token=code_of())
        assert refusal(lambda: service.login_second(token, Proof(token="x"), CLIENT)) == WRONG_CODE
        assert refusal(lambda: service.login_second("x", proof, CLIENT)) == WRONG_CODE
        nobody = door.tokens.make_pending("0" * 24, user["password"])
        assert refusal(lambda: service.login_second(nobody, proof, CLIENT)) == WRONG_CODE
        before = door.tokens.make_pending(str(user["_id"]), "another hash")
        assert refusal(lambda: service.login_second(before, proof, CLIENT)) == WRONG_CODE
        assert door.sessions_of(user) == []
        assert service.login_second(token, proof, CLIENT).user["_id"] == user["_id"]

    def test_from_an_address_that_is_banned_is_refused(self, door: Door, user: dict[str, Any]) -> None:
        token = self.half(door, user)
        banned = door.service(address_until=UNTIL)
        assert refusal(lambda: banned.login_second(token, Proof(token=code_of()), CLIENT)) == BANNED_ADDRESS

    def test_of_a_banned_user_is_not_asked_for(self, door: Door, user: dict[str, Any]) -> None:
        door.bans.ban(str(user["_id"]), until=UNTIL)
        assert refusal(lambda: self.half(door, user))[1] == "account_banned"

    def test_that_cannot_be_checked_lets_nobody_in(self, door: Door, user: dict[str, Any]) -> None:
        refused = refusal(lambda: self.half(door, user, cipher=False))
        told = "Two-factor authentication needs CREDS_KEY and CREDS_IV, which this server does not have."
        assert refused == (ServiceUnavailable, "two_factor_unavailable", told)

    def test_is_asked_for_whoever_names_the_user(self, door: Door, user: dict[str, Any]) -> None:
        assert isinstance(door.service().login_federated(user, CLIENT), HalfSignedIn)
        assert isinstance(door.service().login_federated(door.user(), CLIENT), SignedIn)


class TestALoginThatWasProvenOtherwise:
    def test_is_a_session(self, door: Door) -> None:
        user = door.user()
        assert door.service().login_proven(user, CLIENT).user == user
        assert len(door.sessions_of(user)) == 1

    @pytest.mark.parametrize("changes", [{"allow_email_login": False}, {"vouches": True}])
    def test_opens_nothing_where_no_password_would(self, door: Door, changes: dict[str, Any]) -> None:
        user = door.user()
        told = (Forbidden, "login_disabled", "Login without another service is switched off on this server.")
        assert refusal(lambda: door.service(**changes).login_proven(user, CLIENT)) == told

    def test_is_refused_as_a_password_is(self, door: Door) -> None:
        user, unverified = door.user(), door.user(emailVerified=False)
        banned = door.service(address_until=UNTIL)
        assert refusal(lambda: banned.login_proven(user, CLIENT)) == BANNED_ADDRESS
        strict = door.service(allow_unverified_login=False)
        assert refusal(lambda: strict.login_proven(unverified, CLIENT)) == UNVERIFIED


class TestRefresh:
    def caller(self, door: Door, made: SignedIn) -> Caller:
        return door.tokens.read_access(made.token).caller

    def test_without_a_refresh_token_gives_an_access_token_alone(self, door: Door) -> None:
        made = door.login(door.user())
        again = door.service().refresh(self.caller(door, made), None, CLIENT)
        assert (again.cookie, again.refresh_token, again.user) == (None, None, made.user)
        assert self.caller(door, again) == self.caller(door, made)

    def test_exchanges_the_token_and_notes_from_where(self, door: Door) -> None:
        user = door.user()
        made = door.login(user)
        elsewhere = ClientInfo("203.0.113.8", secure=True, device="laptop")
        again = door.service().refresh(self.caller(door, made), made.refresh_token, elsewhere)
        assert again.refresh_token not in (None, made.refresh_token)
        assert f"refreshToken={again.refresh_token}" in (again.cookie or "")
        [session] = door.sessions_of(user)
        assert (session["address"], session["device"]) == ("203.0.113.8", "laptop")

    def test_with_one_that_was_used_ends_the_session(self, door: Door) -> None:
        user = door.user()
        made = door.login(user)
        caller, service = self.caller(door, made), door.service(refresh_grace_seconds=0)
        service.refresh(caller, made.refresh_token, CLIENT)
        assert refusal(lambda: service.refresh(caller, made.refresh_token, CLIENT)) == EXPIRED
        assert door.sessions_of(user) == []
        assert door.guard.ended == [(caller.id, caller.session_id)]
        assert refusal(lambda: service.refresh(caller, None, CLIENT))[:2] == EXPIRED[:2]

    def test_of_a_banned_user_ends_the_session(self, door: Door) -> None:
        user = door.user()
        made = door.login(user)
        door.bans.ban(str(user["_id"]), until=UNTIL)
        caller = self.caller(door, made)
        assert refusal(lambda: door.service().refresh(caller, None, CLIENT))[1] == "account_banned"
        assert door.sessions_of(user) == []
        assert door.guard.ended == [(caller.id, caller.session_id)]

    def test_does_not_move_the_sessions_end(self, door: Door) -> None:
        user = door.user()
        made = door.login(user, refresh_seconds=1000)
        [before] = door.sessions_of(user)
        again = door.service(refresh_seconds=9000).refresh(
            self.caller(door, made), made.refresh_token, CLIENT
        )
        [after] = door.sessions_of(user)
        assert after["expiration"] == before["expiration"]
        age = int((again.cookie or "").partition("Max-Age=")[2].partition(";")[0])
        assert 980 < age <= 1000


class TestLogout:
    def test_ends_the_session_and_takes_the_cookie_away(self, door: Door) -> None:
        user = door.user()
        made, other = door.login(user), door.login(user)
        caller = door.tokens.read_access(made.token).caller
        cookie = door.service().logout(caller, CLIENT)
        gone = "refreshToken=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"
        assert cookie == f"{gone}; Secure; HttpOnly; Path=/; SameSite=Strict"
        assert [str(each["_id"]) for each in door.sessions_of(user)] == [
            door.tokens.read_access(other.token).caller.session_id
        ]
        assert door.guard.ended == [(caller.id, caller.session_id)]

    def test_on_this_machine_or_where_it_is_set_needs_no_tls(self, door: Door) -> None:
        here = ClientInfo("127.0.0.1", secure=False)
        caller = door.tokens.read_access(door.login(door.user()).token).caller
        assert "Secure" not in door.service().logout(caller, here)
        assert "Secure" in door.service(secure_cookies=True).logout(caller, here)
        assert "Secure" not in door.service(secure_cookies=False).logout(caller, CLIENT)
