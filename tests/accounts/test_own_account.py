"""What a user must prove before something is done to the account, and which sessions end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from bson import ObjectId

from echo.accounts.addresses import AddressChange
from echo.accounts.own_account import OwnAccount
from echo.accounts.passwords import mark_of_password, verify_password
from echo.accounts.sessions import SessionGuard
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.accounts.writing import Notices
from echo.errors import ApiError, Conflict, Forbidden, InvalidRequest
from echo.handling.caller import Caller
from echo.mail import Post
from echo.settings import Settings
from storage.accounts.sessions import Origin, SessionRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from tests.conftest import PASSWORD

NEW = "battery staple 2 horse"
REFUSED = (Forbidden, "password_refused", "That needs the account's password.")
TOO_OLD = (Forbidden, "login_too_old", "That needs a fresh login: log in again, then try once more.")
CODE = (Forbidden, "code_refused", "no")
PROOF = Proof(token="123456")


class Factor:
    """A second factor that notes what it is asked for; refuses all but one proof."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Proof]] = []

    def demand(self, owner: str, proof: Proof) -> None:
        self.asked.append((owner, proof))
        if proof.token == "wrong":
            raise Forbidden("no", code="code_refused")


class Told:
    """Notes notices, mails and sessions that have ended here."""

    works = True

    def __init__(self) -> None:
        self.notices: list[tuple[str, str]] = []
        self.mails: list[tuple[Any, ...]] = []
        self.ended: list[tuple[str, ...]] = []

    def tell(self, owner: str, kind: str) -> None:
        self.notices.append((owner, kind))

    def put(self, kind: str, to: str, *, owner: str, once: bool, mark: str) -> None:
        self.mails.append((kind, to, owner, once, mark))

    def forget(self, owner: str, session_id: str) -> None:
        self.ended.append(("one", owner, session_id))

    def forget_others(self, owner: str, session_id: str) -> None:
        self.ended.append(("others", owner, session_id))


class Account:
    """A user with a session, and what can be done with it."""

    def __init__(self, database: Database, settings: Settings, hashed: str) -> None:
        self.settings = settings
        self.users, self.sessions = UserRepository(database), SessionRepository(database)
        self.factor, self.told = Factor(), Told()
        self.users_collection = database.collection("users")
        self.sessions_collection = database.collection("sessions")
        self.email = f"{ObjectId()}@example.com"
        user = self.users.create(name="Ada", email=self.email, username="ada", password_hash=hashed)
        self.owner = str(user["_id"])
        self.caller = Caller(self.owner, self.begin(), self.email, "ada", "local", "USER")
        self.service = OwnAccount(
            self.users,
            self.sessions,
            cast("SessionGuard", self.told),
            cast("TwoFactorService", self.factor),
            min_password_length=len(NEW),
            notices=cast("Notices", self.told),
        )

    def begin(self) -> str:
        end = datetime.now(UTC) + timedelta(hours=1)
        where = Origin("203.0.113.7", "phone")
        made = self.sessions.create(self.owner, refresh_token_hash="x", expires_at=end, where=where)
        return str(made["_id"])

    def set(self, **fields: Any) -> None:
        self.users_collection.update_one({"_id": ObjectId(self.owner)}, {"$set": fields})

    def begun(self, ago: timedelta | None) -> None:
        change = (
            {"$unset": {"createdAt": ""}} if ago is None else {"$set": {"createdAt": datetime.now(UTC) - ago}}
        )
        self.sessions_collection.update_one({"_id": ObjectId(self.caller.session_id)}, change)

    def addresses(self, *, allowed: bool = True, domains: tuple[str, ...] = ()) -> AddressChange:
        settings = cast("Settings", SimpleNamespace(allow_email_change=allowed))
        return AddressChange(
            settings,
            self.users,
            cast("TwoFactorService", self.factor),
            cast("Post", self.told),
            live=lambda _: cast("Any", SimpleNamespace(allowed_domains=domains)),
        )


@pytest.fixture
def account(app_database: Database, settings: Settings, password_hash: str) -> Account:
    return Account(app_database, settings, password_hash)


def refusal(work: Callable[[], Any]) -> tuple[type[ApiError], str, str]:
    with pytest.raises(ApiError) as refused:
        work()
    return type(refused.value), refused.value.code, refused.value.message


class TestRename:
    def test_keeps_user_names_in_lower_case(self, account: Account) -> None:
        changed = account.service.rename(account.caller, {"name": "Ada L", "username": "ADA.L"})
        assert (changed["name"], changed["username"]) == ("Ada L", "ada.l")
        assert account.service.rename(account.caller, {"name": "B"})["username"] == "ada.l"


class TestAnotherPassword:
    def test_ends_every_other_session_and_is_told(self, account: Account) -> None:
        account.begin()
        account.begin()
        assert account.service.change_password(account.caller, PASSWORD, NEW, PROOF) == 2
        assert [str(each["_id"]) for each in account.sessions.list(account.owner)] == [
            account.caller.session_id
        ]
        assert verify_password(NEW, account.users.get(account.owner)["password"])
        assert account.factor.asked == [(account.owner, PROOF)]
        assert account.told.notices == [(account.owner, "password_changed")]
        assert account.told.ended == [("others", account.owner, account.caller.session_id)]

    @pytest.mark.parametrize(
        ("current", "new", "token", "expected"),
        [
            ("wrong", NEW, "1", REFUSED),
            (PASSWORD, NEW[:-1], "1", (InvalidRequest, "weak_password")),
            (PASSWORD, NEW, "wrong", CODE),
        ],
    )
    def test_needs_the_one_before_a_good_one_and_the_second_factor(
        self, account: Account, current: str, new: str, *, token: str, expected: tuple[Any, ...]
    ) -> None:
        account.begin()
        before = account.users.get(account.owner)
        found = refusal(lambda: account.service.change_password(account.caller, current, new, Proof(token)))
        assert found[: len(expected)] == expected
        assert account.users.get(account.owner) == before
        assert len(account.sessions.list(account.owner)) == 2
        assert account.told.notices == []

    def test_of_an_account_of_another_service_there_is_none(self, account: Account) -> None:
        account.set(password=None)
        told = "This account has no password: it logs in through another service."
        found = refusal(lambda: account.service.change_password(account.caller, PASSWORD, NEW, PROOF))
        assert found == (Conflict, "no_password", told)

    def test_that_came_meanwhile_wins(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(account.factor, "demand", lambda *_: account.set(password="another hash"))
        account.begin()
        found = refusal(lambda: account.service.change_password(account.caller, PASSWORD, NEW, PROOF))
        assert found == REFUSED
        assert account.users.get(account.owner)["password"] == "another hash"
        assert len(account.sessions.list(account.owner)) == 2


class TestProof:
    def test_is_the_password_and_the_second_factor(self, account: Account) -> None:
        account.begun(timedelta(days=1))
        account.service.demand_proof(account.caller, PASSWORD, PROOF)
        assert account.factor.asked == [(account.owner, PROOF)]
        for wrong in ("wrong", "", None):
            found = refusal(lambda given=wrong: account.service.demand_proof(account.caller, given, PROOF))
            assert found == REFUSED
        assert refusal(lambda: account.service.demand_proof(account.caller, PASSWORD, Proof("wrong"))) == CODE

    def test_is_no_password_where_there_is_a_second_factor(self, account: Account) -> None:
        account.begun(timedelta(days=1))
        account.set(twoFactorEnabled=True)
        account.service.demand_proof(account.caller, None, PROOF)
        account.service.demand_login(account.caller)
        assert refusal(lambda: account.service.demand_proof(account.caller, None, Proof("wrong"))) == CODE

    @pytest.mark.parametrize(
        ("ago", "fresh"),
        [
            (timedelta(0), True),
            (timedelta(seconds=290), True),
            (timedelta(seconds=301), False),
            # Sessions of LibreChat's do not say when they began.
            (None, False),
        ],
    )
    def test_is_a_login_of_just_now_where_there_is_no_password(
        self, account: Account, ago: timedelta | None, fresh: bool
    ) -> None:
        account.set(password=None)
        account.begun(ago)
        for demand in (
            lambda: account.service.demand_password(account.caller, PASSWORD),
            lambda: account.service.demand_login(account.caller),
        ):
            if fresh:
                demand()
            else:
                assert refusal(demand) == TOO_OLD

    def test_of_clients_that_send_none_is_a_login_of_just_now_also_with_a_password(
        self, account: Account
    ) -> None:
        account.service.demand_login(account.caller)
        account.begun(timedelta(hours=1))
        assert refusal(lambda: account.service.demand_login(account.caller)) == TOO_OLD


class TestSessions:
    def test_say_which_is_ones_own(self, account: Account) -> None:
        other = account.begin()
        found = {str(each["_id"]): each["current"] for each in account.service.sessions(account.caller)}
        assert found == {account.caller.session_id: True, other: False}

    def test_are_ended_one_at_a_time_or_all_but_ones_own(self, account: Account) -> None:
        first, _ = account.begin(), account.begin()
        account.service.end_session(account.caller, first)
        with pytest.raises(NotFound):
            account.service.end_session(account.caller, first)
        assert account.service.end_others(account.caller) == 1
        assert account.told.ended == [
            ("one", account.owner, first),
            ("others", account.owner, account.caller.session_id),
        ]
        assert len(account.sessions.list(account.owner)) == 1


class TestAnotherAddress:
    def test_gets_a_link_by_password_and_second_factor(self, account: Account) -> None:
        account.addresses().request(account.caller, "New@Example.com", PASSWORD, PROOF)
        mark = mark_of_password(account.users.get(account.owner)["password"])
        assert account.told.mails == [("email_change", "new@example.com", account.owner, True, mark)]
        assert account.factor.asked == [(account.owner, PROOF)]

    @pytest.mark.parametrize(
        ("email", "password", "token", "expected"),
        [
            ("a@corp.example", "wrong", "1", ("password_refused", "That needs the password of the account.")),
            ("a@x.example", PASSWORD, "1", ("domain_not_allowed", "Addresses of that domain cannot be used here.")),
            ("a@sub.corp.example", PASSWORD, "1", ("domain_not_allowed",)),
            ("nobody", PASSWORD, "1", ("validation_failed",)),
            ("a@corp.example", PASSWORD, "wrong", ("code_refused",)),
        ],
    )  # fmt: skip
    def test_is_refused_for_each_of_these_and_nothing_is_sent(
        self, account: Account, email: str, password: str, *, token: str, expected: tuple[str, ...]
    ) -> None:
        service = account.addresses(domains=("corp.example",))
        found = refusal(lambda: service.request(account.caller, email, password, Proof(token)))
        assert found[1 : 1 + len(expected)] == expected
        assert account.told.mails == []
        service.request(account.caller, "a@CORP.example", PASSWORD, PROOF)
        assert len(account.told.mails) == 1

    def test_is_not_for_accounts_of_other_services(self, account: Account) -> None:
        account.set(provider="openid")
        found = refusal(lambda: account.addresses().request(account.caller, "a@x.example", PASSWORD, PROOF))
        assert found[1] == "password_refused"

    def test_is_off_where_that_is_set_or_no_mail_is_sent(self, account: Account) -> None:
        told = (Forbidden, "email_change_disabled", "E-mail addresses cannot be changed on this server.")
        off, on = account.addresses(allowed=False), account.addresses()
        assert refusal(lambda: off.request(account.caller, "a@x.example", PASSWORD, PROOF)) == told
        account.told.works = False
        assert refusal(lambda: on.request(account.caller, "a@x.example", PASSWORD, PROOF)) == told
