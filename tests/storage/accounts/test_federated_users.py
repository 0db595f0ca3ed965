"""Accounts by the server that their owners come from, and its id of them."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts import federated_users as module
from storage.accounts.federated_users import FederatedUserRepository
from storage.core.database import Database
from storage.core.errors import Conflict, NotFound
from storage.core.repository import now

ISSUER, OTHER = "https://sso.example.com", "https://other.example.com"
FIELDS = {
    "google": "googleId",
    "facebook": "facebookId",
    "openid": "openidId",
    "saml": "samlId",
    "ldap": "ldapId",
    "github": "githubId",
    "discord": "discordId",
    "apple": "appleId",
}


@pytest.fixture
def users(database: Database) -> FederatedUserRepository:
    return FederatedUserRepository(database)


def person(**other: Any) -> dict[str, Any]:
    return {"name": "Ada", "username": "Ada", "email": f"{ObjectId()}@example.com", **other}


def create(users: FederatedUserRepository, subject: str, issuer: str | None = ISSUER, **other: Any) -> Any:
    return users.create(provider="openid", subject=subject, issuer=issuer, fields=person(**other))


def stored(database: Database, **fields: Any) -> ObjectId:
    document = {"_id": ObjectId(), "email": f"{ObjectId()}@example.com", **fields}
    database.collection("users").insert_one(document)
    return ObjectId(document["_id"])


class TestANewAccount:
    @pytest.mark.parametrize("provider", FIELDS)
    def test_has_its_subject_where_librechat_keeps_it_and_no_password(
        self, users: FederatedUserRepository, database: Database, provider: str
    ) -> None:
        fields = person(
            emailVerified=False, avatar="a", idOnTheSource="oid", password="x", twoFactorEnabled=True
        )
        user = users.create(provider=provider, subject="s", issuer=None, fields=fields)
        kept = {name: user[name] for name in ("provider", FIELDS[provider], "emailVerified", "avatar")}
        assert kept == {"provider": provider, FIELDS[provider]: "s", "emailVerified": False, "avatar": "a"}
        assert (user["name"], user["email"], user["role"]) == ("Ada", fields["email"], "USER")
        assert (user["username"], user["idOnTheSource"], user["twoFactorEnabled"]) == ("Ada", "oid", False)
        assert "openidIssuer" not in user
        assert "password" not in user
        assert database.collection("users").find_one({"_id": user["_id"]}) == user
        assert users.find(provider, "s") == user
        assert users.find(provider, "t") is None

    def test_is_refused_for_a_subject_or_an_address_that_is_taken(
        self, users: FederatedUserRepository
    ) -> None:
        first = create(users, "s")
        with pytest.raises(Conflict):
            create(users, "s")
        with pytest.raises(Conflict):
            create(users, "t", email=first["email"])
        # A subject means nothing without its issuer.
        assert create(users, "s", OTHER)["openidIssuer"] == OTHER


class TestFinding:
    def test_is_of_one_issuer_before_accounts_without_any(
        self, users: FederatedUserRepository, database: Database
    ) -> None:
        old = stored(database, openidId="s")
        assert (users.find("openid", "s", ISSUER) or {})["_id"] == old
        new = create(users, "s")
        assert (users.find("openid", "s", ISSUER) or {})["_id"] == new["_id"]
        assert (users.find("openid", "s", OTHER) or {})["_id"] == old

    @pytest.mark.parametrize("issuer", [{}, {"openidIssuer": None}, {"openidIssuer": ""}])
    def test_without_an_issuer_is_whoevers(
        self, users: FederatedUserRepository, database: Database, issuer: dict[str, Any]
    ) -> None:
        old = stored(database, openidId="s", **issuer)
        assert (users.find("openid", "s", ISSUER) or {})["_id"] == old
        assert (users.find("openid", "s") or {})["_id"] == old

    def test_with_another_issuer_is_nobodys(self, users: FederatedUserRepository) -> None:
        create(users, "s", OTHER)
        assert users.find("openid", "s", ISSUER) is None

    def test_is_of_nobody_for_what_is_no_text(self, users: FederatedUserRepository) -> None:
        assert users.find("google", "\ud800") is None

    def test_takes_of_several_tenants_the_one_without(
        self, users: FederatedUserRepository, database: Database
    ) -> None:
        stored(database, googleId="s", tenantId="a")
        plain = stored(database, googleId="s")
        assert (users.find("google", "s") or {})["_id"] == plain


class TestBinding:
    @pytest.mark.parametrize("before", [{}, {"openidId": None}])
    def test_gives_an_account_of_this_provider_its_subject(
        self, users: FederatedUserRepository, database: Database, before: dict[str, Any]
    ) -> None:
        waiting = stored(database, provider="openid", **before)
        user = users.bind(str(waiting), "openid", "s", ISSUER)
        assert user is not None
        assert (user["_id"], user["openidId"], user["openidIssuer"]) == (waiting, "s", ISSUER)
        assert abs(user["updatedAt"] - now()) < timedelta(minutes=1)
        assert users.bind(str(waiting), "openid", "t", ISSUER) is None
        assert users.find("openid", "s", ISSUER) == user

    def test_gives_no_issuer_where_there_is_none(
        self, users: FederatedUserRepository, database: Database
    ) -> None:
        user = users.bind(str(stored(database, provider="google")), "google", "s", None)
        assert user is not None
        assert user["googleId"] == "s"
        assert "openidIssuer" not in user

    def test_gives_no_other_providers_account_anything(
        self, users: FederatedUserRepository, database: Database
    ) -> None:
        for provider in ("local", "google"):
            local = stored(database, provider=provider)
            assert users.bind(str(local), "openid", "s", ISSUER) is None
        assert users.find("openid", "s") is None

    def test_gives_no_subject_that_is_taken(self, users: FederatedUserRepository, database: Database) -> None:
        create(users, "s")
        with pytest.raises(Conflict):
            users.bind(str(stored(database, provider="openid")), "openid", "s", ISSUER)


class TestChanges:
    def test_are_of_what_the_server_says_and_nothing_else(
        self, users: FederatedUserRepository, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user, other = create(users, "s"), create(users, "other")
        moment = now() + timedelta(days=1)
        monkeypatch.setattr(module, "now", lambda: moment)
        wanted = {
            "name": "G",
            "username": "g",
            "email": "g@example.com",
            "emailVerified": False,
            "idOnTheSource": "x",
            "openidIssuer": OTHER,
            "role": "TEAM",
            "avatar": "a",
        }
        more = {"password": "x", "provider": "local", "openidId": "t", "twoFactorEnabled": True}
        changed = users.update(str(user["_id"]), {**wanted, **more})
        assert changed == {**user, **wanted, "updatedAt": moment}
        assert users.find("openid", "other") == other

    def test_of_nobody_are_none(self, users: FederatedUserRepository) -> None:
        for owner in ("nobody", "0" * 24):
            with pytest.raises(NotFound):
                users.update(owner, {"name": "x"})

    def test_to_an_address_that_is_taken_are_refused(self, users: FederatedUserRepository) -> None:
        first, second = create(users, "s"), create(users, "t")
        with pytest.raises(Conflict):
            users.update(str(second["_id"]), {"email": first["email"]})
