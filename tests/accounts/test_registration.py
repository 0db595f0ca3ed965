"""Who makes an account, by what, and which mails are sent."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from bson import ObjectId

from echo.accounts.registration import Registration
from echo.accounts.tokens import hash_token
from echo.errors import ApiError, Conflict, Forbidden, InvalidRequest
from echo.handling.caller import ClientInfo
from echo.mail import Post
from echo.settings import Settings
from storage.accounts.invitations import InvitationRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from storage.operator.administration import InvitationDirectory

CLIENT = ClientInfo("203.0.113.7", secure=False)
GOOD = "correct horse 1 battery"


class Recorded:
    """A post that notes what is put into it."""

    def __init__(self, *, works: bool) -> None:
        self.works = works
        self.put_in: list[tuple[str, str, bool]] = []

    def put(self, kind: str, to: str, *, once: bool = False) -> None:
        self.put_in.append((kind, to, once))


class Desk:
    """A registration, and what it did."""

    def __init__(self, registration: Registration, post: Recorded, users: UserRepository) -> None:
        self.registration = registration
        self.post = post
        self.users = users

    def register(self, email: str, **other: Any) -> dict[str, Any]:
        fields = {"name": "Grace", "email": email, "username": "Grace", "password": GOOD, **other}
        return self.registration.register(CLIENT, **fields)

    def refusal(self, email: str, **other: Any) -> tuple[type[ApiError], str, str]:
        with pytest.raises(ApiError) as refused:
            self.register(email, **other)
        assert self.users.find_by_email(email) is None
        assert self.post.put_in == []
        return type(refused.value), refused.value.code, refused.value.message


Make = Callable[..., Desk]


@pytest.fixture
def make(settings: Settings, database: Database) -> Make:
    users = UserRepository(database)
    # Not the first, who would be the administrator.
    users.create(name="x", email=new_address(), username="", password_hash="x")

    def make(
        *,
        works: bool = True,
        domains: tuple[str, ...] = (),
        banned: bool = False,
        **changes: Any,
    ) -> Desk:
        def refuse(client: ClientInfo) -> None:
            assert client is CLIENT
            if banned:
                raise Forbidden("banned", code="address_banned")

        post = Recorded(works=works)
        registration = Registration(
            replace(settings, **changes),
            users,
            InvitationRepository(database),
            cast("Post", post),
            refuse_banned=refuse,
            live=lambda _: cast("Any", SimpleNamespace(allowed_domains=domains)),
        )
        return Desk(registration, post, users)

    return make


def new_address(domain: str = "example.com") -> str:
    return f"grace-{ObjectId()}@{domain}"


def invite(database: Database, email: str, token: str = "token", role: str | None = None) -> None:
    InvitationDirectory(database).create(
        email=email,
        token_hash=hash_token(token),
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        role=role,
    )


class TestWithMail:
    def test_the_address_has_to_be_verified_by_one_link(self, make: Make) -> None:
        desk, email = make(allow_unverified_login=False), new_address()
        user = desk.register(email.upper())
        assert (user["email"], user["name"], user["username"], user["role"]) == (
            email,
            "Grace",
            "grace",
            "USER",
        )
        assert user["emailVerified"] is False
        assert user["expiresAt"] > datetime.now(UTC)
        assert desk.post.put_in == [("email_verification", email, True)]

    def test_who_may_log_in_without_stays(self, make: Make) -> None:
        user = make(allow_unverified_login=True).register(new_address())
        assert (user["emailVerified"], "expiresAt" in user) == (False, False)

    def test_a_taken_address_is_told_to_its_owner_alone(self, make: Make) -> None:
        desk, email = make(), new_address()
        fields = {"name": "Grace", "email": email.upper(), "username": None, "password": GOOD}
        desk.registration.register_quietly(CLIENT, **fields)
        assert desk.post.put_in == [("email_verification", email, True)]
        desk.registration.register_quietly(CLIENT, **fields)
        assert desk.post.put_in == [("email_verification", email, True), ("address_taken", email, True)]
        with pytest.raises(Conflict) as refused:
            desk.register(email)
        assert (refused.value.code, refused.value.message) == (
            "email_taken",
            "That email is already registered.",
        )
        assert [(each.field, each.message) for each in refused.value.errors] == [("email", "already taken")]


class TestWithoutMail:
    def test_nobody_waits_for_a_link(self, make: Make) -> None:
        user = make(works=False, allow_unverified_login=False).register(new_address(), username=None)
        assert (user["emailVerified"], "expiresAt" in user, user["username"]) == (True, False, "")


class TestRefusals:
    def test_where_registration_is_closed(self, make: Make) -> None:
        desk = make(allow_registration=False)
        told = "Registration is closed on this server."
        assert desk.refusal(new_address()) == (Forbidden, "registration_closed", told)
        assert desk.refusal(new_address(), token="") == (Forbidden, "registration_closed", told)

    def test_where_the_place_is_banned(self, make: Make) -> None:
        assert make(banned=True).refusal(new_address())[1] == "address_banned"

    def test_of_a_domain_that_may_not(self, make: Make) -> None:
        desk = make(domains=("corp.example",))
        told = "Addresses of that domain cannot register here."
        for domain in ("example.com", "sub.corp.example", "corp.example.com"):
            assert desk.refusal(new_address(domain)) == (Forbidden, "domain_not_allowed", told)
        desk.register(new_address("CORP.example"))

    def test_of_what_is_no_address(self, make: Make) -> None:
        desk = make()
        with pytest.raises(InvalidRequest) as refused:
            desk.register("nobody")
        assert [(each.field, each.message) for each in refused.value.errors] == [
            ("email", "is not a valid e-mail address")
        ]

    def test_of_a_password_that_is_short_by_the_settings(self, make: Make) -> None:
        desk = make(min_password_length=len(GOOD) + 1)
        assert desk.refusal(new_address())[:2] == (InvalidRequest, "weak_password")
        make(min_password_length=len(GOOD)).register(new_address())


class TestInvitations:
    def test_open_a_closed_registration_and_vouch_for_the_address(
        self, make: Make, database: Database
    ) -> None:
        desk, email = make(allow_registration=False), new_address()
        invite(database, email, role="TEAM")
        user = desk.register(email.upper(), token="token")
        assert (user["role"], user["emailVerified"], "expiresAt" in user) == ("TEAM", True, False)
        assert desk.post.put_in == []
        assert InvitationRepository(database).find(email, hash_token("token")) is None

    def test_without_a_role_make_a_plain_user(self, make: Make, database: Database) -> None:
        email = new_address()
        invite(database, email)
        assert make().register(email, token="token")["role"] == "USER"

    def test_are_for_one_address_and_one_token(self, make: Make, database: Database) -> None:
        desk, email = make(), new_address()
        invite(database, email)
        refused = (Forbidden, "invalid_invitation", "The invitation is not valid for this e-mail address.")
        assert desk.refusal(new_address(), token="token") == refused
        assert desk.refusal(email, token="other") == refused

    def test_are_left_good_by_what_fails(self, make: Make, database: Database) -> None:
        desk, email = make(), new_address()
        invite(database, email)
        assert desk.refusal(email, token="token", password="x")[1] == "weak_password"
        desk.register(email, token="token")
