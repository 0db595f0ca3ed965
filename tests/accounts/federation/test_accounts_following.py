"""A known account at another login: what follows the other server, and what other logins have done meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.identity import Identity, Policy, Refused
from storage.accounts.federated_users import FederatedUserRepository
from storage.core.database import Database
from storage.core.errors import Conflict
from tests.accounts.federation.conftest import MakeAccounts, somebody
from tests.support.logins import stored_user

ORGANISATION = Policy(registers=True, unverified=True, renames=True)
SOCIAL = Policy(registers=True)
ISSUER = "https://sso.example.com"


def refused(accounts: FederatedAccounts, identity: Identity, policy: Policy = ORGANISATION) -> Refused:
    with pytest.raises(Refused) as why:
        accounts.admit(identity, policy)
    return why.value


def read(database: Database, user: Mapping[str, Any]) -> dict[str, Any]:
    return dict(database.collection("users").find_one({"_id": user["_id"]}) or {})


class TestWhoIsNew:
    def test_gets_no_account_where_only_those_who_have_one_come_in(
        self, accounts: FederatedAccounts, app_database: Database
    ) -> None:
        identity = somebody()
        with pytest.raises(Refused) as why:
            accounts.admit(identity, ORGANISATION, existing_only=True)
        assert why.value.code == "registration_closed"
        assert app_database.collection("users").count_documents({"openidId": identity.subject}) == 0
        user = accounts.admit(identity, ORGANISATION)
        assert accounts.admit(identity, ORGANISATION, existing_only=True)["_id"] == user["_id"]

    def test_may_have_a_subject_of_one_letter_or_of_512(self, accounts: FederatedAccounts) -> None:
        for subject in ("s", "s" * 512):
            assert accounts.admit(somebody(subject=subject), ORGANISATION)["openidId"] == subject

    def test_has_no_id_of_a_directory_that_nobody_named(self, accounts: FederatedAccounts) -> None:
        assert "idOnTheSource" not in accounts.admit(somebody(), ORGANISATION)

    def test_of_an_unverified_address_needs_a_policy_and_no_list_of_domains(
        self, accounts: FederatedAccounts, make_accounts: MakeAccounts
    ) -> None:
        unverified = somebody(email_verified=False)
        strict = make_accounts(allowed_domains=("example.com",))
        assert refused(accounts, unverified, SOCIAL).code == "address_unverified"
        assert refused(strict, unverified).code == "address_unverified"
        assert accounts.admit(unverified, ORGANISATION)["email"] == unverified.email
        verified = somebody()
        assert strict.admit(verified, SOCIAL)["email"] == verified.email

    def test_is_a_member_of_the_groups_at_once(
        self, accounts: FederatedAccounts, app_database: Database
    ) -> None:
        name = f"team-{ObjectId()}"
        user = accounts.admit(somebody(groups=(name,)), SOCIAL)
        group = app_database.collection("groups").find_one({"name": name}) or {}
        assert group["memberIds"] == [str(user["_id"])]


class TestFollowing:
    def test_is_no_renaming_where_the_server_is_not_the_organisations(
        self, accounts: FederatedAccounts
    ) -> None:
        identity = somebody()
        accounts.admit(identity, SOCIAL)
        user = accounts.admit(replace(identity, name="New", username="new"), SOCIAL)
        assert (user["name"], user["username"]) == ("Grace Hopper", "grace")
        user = accounts.admit(replace(identity, name=" N\new ", username=" New"), ORGANISATION)
        assert (user["name"], user["username"]) == ("New", "new")
        user = accounts.admit(replace(identity, name="\u200b", username=""), ORGANISATION)
        assert (user["name"], user["username"]) == ("New", "new")

    def test_writes_nothing_where_nothing_has_changed(
        self, accounts: FederatedAccounts, app_database: Database
    ) -> None:
        identity = somebody(directory_id="oid-1")
        before = read(app_database, accounts.admit(identity, ORGANISATION))
        again = accounts.admit(identity, ORGANISATION)
        assert again == before
        assert read(app_database, again) == before

    def test_verifies_the_address_once_the_server_vouches_for_it(self, accounts: FederatedAccounts) -> None:
        identity = somebody(email_verified=False)
        assert accounts.admit(identity, ORGANISATION)["emailVerified"] is False
        assert accounts.admit(identity, ORGANISATION)["emailVerified"] is False
        assert accounts.admit(replace(identity, email_verified=True), SOCIAL)["emailVerified"] is True

    def test_leaves_the_address_where_the_server_gives_none(self, accounts: FederatedAccounts) -> None:
        identity = somebody()
        accounts.admit(identity, ORGANISATION)
        for email in (None, "", "no address"):
            user = accounts.admit(replace(identity, email=email), ORGANISATION)
            assert (user["email"], user["emailVerified"]) == (identity.email, True)

    def test_of_an_address_that_somebody_has_verifies_not_the_one_before(
        self, accounts: FederatedAccounts, app_database: Database
    ) -> None:
        taken = stored_user(app_database)["email"]
        identity = somebody(email_verified=False)
        accounts.admit(identity, ORGANISATION)
        moved = replace(identity, email=taken, email_verified=True, name="Renamed", directory_id="oid-1")
        user = accounts.admit(moved, ORGANISATION)
        assert (user["email"], user["emailVerified"]) == (identity.email, False)
        assert (user["name"], user["idOnTheSource"]) == ("Renamed", "oid-1")

    def test_gives_an_account_without_a_role_the_plain_one(
        self, accounts: FederatedAccounts, app_database: Database
    ) -> None:
        for role in (None, ""):
            old = stored_user(app_database, openidId=str(ObjectId()), role=role)
            identity = somebody(subject=old["openidId"], email=old["email"])
            assert accounts.admit(identity, ORGANISATION)["role"] == "USER"

    def test_is_checked_by_the_address_that_the_account_will_have(
        self, accounts: FederatedAccounts, make_accounts: MakeAccounts
    ) -> None:
        strict = make_accounts(allowed_domains=("corp.example",))
        identity = somebody()
        accounts.admit(identity, ORGANISATION)
        assert refused(strict, identity).code == "domain_not_allowed"
        # An address for which nobody vouches is not the account's.
        inside = replace(identity, email=f"{ObjectId()}@corp.example")
        assert refused(strict, replace(inside, email_verified=False)).code == "domain_not_allowed"
        assert strict.admit(inside, ORGANISATION)["email"] == inside.email
        outside = replace(identity, email=f"{ObjectId()}@example.com")
        assert refused(strict, outside).code == "domain_not_allowed"
        assert strict.admit(inside, ORGANISATION)["email"] == inside.email

    def test_lets_nobody_without_an_address_in_where_domains_are_listed(
        self, make_accounts: MakeAccounts, app_database: Database
    ) -> None:
        strict = make_accounts(allowed_domains=("corp.example",))
        for email in (None, ""):
            old = stored_user(app_database, openidId=str(ObjectId()), email=email, tenantId=str(ObjectId()))
            identity = somebody(subject=old["openidId"], email=None)
            assert refused(strict, identity).code == "domain_not_allowed"
            assert make_accounts().admit(identity, ORGANISATION)["_id"] == old["_id"]


class TestTheAccountOfAnAddress:
    def test_gets_the_subject_and_the_issuer(
        self, accounts: FederatedAccounts, app_database: Database
    ) -> None:
        waiting = stored_user(app_database)
        identity = somebody(email=f" {waiting['email'].upper()}", name="New", username="new")
        user = accounts.admit(identity, ORGANISATION)
        assert {name: user.get(name) for name in ("_id", "openidId", "openidIssuer", "name")} == {
            "_id": waiting["_id"],
            "openidId": identity.subject,
            "openidIssuer": ISSUER,
            "name": "New",
        }
        assert read(app_database, waiting) == user

    def test_is_not_looked_for_where_the_subject_has_one(
        self, accounts: FederatedAccounts, app_database: Database
    ) -> None:
        identity = somebody()
        mine = accounts.admit(identity, ORGANISATION)
        waiting = stored_user(app_database)
        user = accounts.admit(replace(identity, email=waiting["email"]), ORGANISATION)
        assert (user["_id"], user["email"]) == (mine["_id"], identity.email)
        assert read(app_database, waiting) == waiting

    def test_that_another_login_has_bound_meanwhile_is_this_ones(
        self, accounts: FederatedAccounts, app_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting = stored_user(app_database)
        identity = somebody(email=waiting["email"])
        bind = FederatedUserRepository.bind

        def second(users: FederatedUserRepository, *of: Any) -> Any:
            assert bind(users, *of) is not None
            return bind(users, *of)

        monkeypatch.setattr(FederatedUserRepository, "bind", second)
        user = accounts.admit(identity, ORGANISATION)
        assert (user["_id"], user["openidId"]) == (waiting["_id"], identity.subject)

    def test_that_another_subject_has_got_meanwhile_is_not(
        self, accounts: FederatedAccounts, app_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor where the subject has another account by now."""
        waiting = stored_user(app_database)
        identity = somebody(email=waiting["email"])

        def elsewhere(*_: Any) -> None:
            app_database.collection("users").update_one(
                {"_id": waiting["_id"]}, {"$set": {"openidId": str(ObjectId())}}
            )
            stored_user(app_database, openidId=identity.subject, openidIssuer=ISSUER)

        monkeypatch.setattr(FederatedUserRepository, "bind", elsewhere)
        why = refused(accounts, identity)
        assert (why.code, why.detail) == ("account_exists", "the address's account has another subject")


class TestMadeMeanwhile:
    def made_first(
        self, monkeypatch: pytest.MonkeyPatch, fields: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Another login makes an account just before this one does."""
        create = FederatedUserRepository.create

        def second(users: FederatedUserRepository, **of: Any) -> Any:
            create(users, **fields(of))
            return create(users, **of)

        monkeypatch.setattr(FederatedUserRepository, "create", second)

    def test_by_the_same_person_it_is_the_account(
        self, accounts: FederatedAccounts, app_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def earlier(of: dict[str, Any]) -> dict[str, Any]:
            return {**of, "fields": {**of["fields"], "name": "Earlier"}}

        self.made_first(monkeypatch, earlier)
        identity = somebody()
        user = accounts.admit(identity, ORGANISATION)
        # With what the server has said to this one.
        assert (user["openidId"], user["email"], user["name"]) == (
            identity.subject,
            identity.email,
            "Grace Hopper",
        )
        assert app_database.collection("users").count_documents({"email": identity.email}) == 1

    def test_by_somebody_else_with_the_address_nobody_comes_in(
        self, accounts: FederatedAccounts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.made_first(monkeypatch, lambda of: {**of, "subject": str(ObjectId())})
        why = refused(accounts, somebody())
        assert (why.code, why.detail) == ("account_exists", "email is taken")
        assert isinstance(why.__cause__, Conflict)


def test_the_issuer_of_an_account_stays(accounts: FederatedAccounts, app_database: Database) -> None:
    identity = somebody()
    before = accounts.admit(identity, ORGANISATION)
    # A provider that names no issuer changes nothing.
    assert accounts.admit(replace(identity, issuer=None), ORGANISATION)["openidIssuer"] == ISSUER
    assert read(app_database, before) == before


def test_a_social_account_has_no_issuer(accounts: FederatedAccounts) -> None:
    user = accounts.admit(somebody(provider="google", issuer=None), SOCIAL)
    assert "openidIssuer" not in user
