"""From an identity to the account, and who gets none."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from echo.accounts.federation.accounts import FederatedAccounts, checked_address
from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.accounts.federation.roles import RoleSync
from storage.accounts.federated_users import FederatedUserRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from tests.accounts.federation.conftest import MakeAccounts, somebody
from tests.support.logins import stored_user

ORGANISATION = Policy(registers=True, unverified=True, renames=True)
SOCIAL = Policy(registers=True)


def refusal(accounts: FederatedAccounts, identity: Identity, policy: Policy = ORGANISATION) -> str:
    with pytest.raises(Refused) as why:
        accounts.admit(identity, policy)
    return why.value.code


def detail(accounts: FederatedAccounts, identity: Identity) -> str:
    with pytest.raises(Refused) as why:
        accounts.admit(identity, ORGANISATION)
    return why.value.detail


def local_account(database: Database) -> dict[str, Any]:
    return UserRepository(database).create(
        name="Ada", email=f"{ObjectId()}@example.com", username="ada", password_hash="a hash"
    )


def test_a_new_account_has_librechats_fields_and_no_password(accounts: FederatedAccounts) -> None:
    identity = somebody(directory_id="oid-1", name=" Grace\n Hopper ", username="Grace")
    user = accounts.admit(identity, ORGANISATION)
    assert {name: user[name] for name in ("provider", "openidId", "openidIssuer", "idOnTheSource")} == {
        "provider": "openid",
        "openidId": identity.subject,
        "openidIssuer": "https://sso.example.com",
        "idOnTheSource": "oid-1",
    }
    assert (user["name"], user["username"], user["email"]) == ("Grace Hopper", "grace", identity.email)
    assert (user["emailVerified"], user["role"]) == (True, "USER")
    assert "password" not in user


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ("google", "googleId"),
        ("github", "githubId"),
        ("discord", "discordId"),
        ("facebook", "facebookId"),
        ("apple", "appleId"),
        ("saml", "samlId"),
        ("ldap", "ldapId"),
    ],
)
def test_the_subject_finds_the_account_whatever_the_address(
    accounts: FederatedAccounts, provider: str, field: str
) -> None:
    identity = somebody(provider=provider, issuer=None)
    user = accounts.admit(identity, SOCIAL)
    assert user[field] == identity.subject
    moved = replace(identity, email="unverified@elsewhere.example", email_verified=False, name="New")
    again = accounts.admit(moved, SOCIAL)
    assert (again["_id"], again["email"], again["name"]) == (user["_id"], identity.email, "Grace Hopper")


def test_the_same_subject_of_another_issuer_is_somebody_else(accounts: FederatedAccounts) -> None:
    first = somebody()
    other = replace(first, issuer="https://other.example.com", email=f"{ObjectId()}@example.com")
    assert accounts.admit(first, ORGANISATION)["_id"] != accounts.admit(other, ORGANISATION)["_id"]


def test_an_account_from_before_issuers_were_kept_gets_one(
    accounts: FederatedAccounts, app_database: Database
) -> None:
    identity = somebody()
    old = stored_user(app_database, provider="openid", openidId=identity.subject)
    user = accounts.admit(identity, ORGANISATION)
    assert (user["_id"], user["openidIssuer"]) == (old["_id"], "https://sso.example.com")
    assert refusal(accounts, replace(identity, issuer="https://other.example.com")) == "account_exists"


def test_first_logins_of_one_person_at_once_are_one_account(accounts: FederatedAccounts) -> None:
    identity, gate = somebody(), threading.Barrier(4)

    def log_in() -> str:
        gate.wait()
        return str(accounts.admit(identity, ORGANISATION)["_id"])

    with ThreadPoolExecutor(4) as pool:
        found = [each.result() for each in [pool.submit(log_in) for _ in range(4)]]
    assert len(set(found)) == 1


@pytest.mark.parametrize("email_verified", [True, False])
def test_a_local_account_of_the_same_address_is_not_taken(
    accounts: FederatedAccounts, app_database: Database, email_verified: bool
) -> None:
    local = local_account(app_database)
    identity = somebody(email=local["email"].upper(), email_verified=email_verified)
    assert refusal(accounts, identity) == "account_exists"
    assert app_database.collection("users").find_one({"_id": local["_id"]}) == local


def test_the_subject_of_an_account_that_became_another_providers_is_refused(
    accounts: FederatedAccounts, app_database: Database
) -> None:
    identity = somebody(provider="google", issuer=None)
    stored_user(app_database, provider="local", googleId=identity.subject)
    assert refusal(accounts, identity) == "account_exists"


def test_an_account_that_waits_for_its_subject_gets_it_by_a_verified_address_only(
    accounts: FederatedAccounts, app_database: Database
) -> None:
    waiting = stored_user(app_database, provider="openid")
    identity = somebody(email=waiting["email"])
    assert refusal(accounts, replace(identity, email_verified=False)) == "account_exists"
    user = accounts.admit(identity, ORGANISATION)
    assert (user["_id"], user["openidId"]) == (waiting["_id"], identity.subject)
    assert refusal(accounts, replace(identity, subject="another")) == "account_exists"


@pytest.mark.parametrize(
    ("changes", "policy", "code"),
    [
        ({}, Policy(registers=False), "registration_closed"),
        ({"email_verified": False}, SOCIAL, "address_unverified"),
        ({"email": None}, ORGANISATION, "no_address"),
        ({"email": "no address"}, ORGANISATION, "no_address"),
        ({"email": "ada\u200b@example.com"}, ORGANISATION, "no_address"),
        ({"email": "ada\n@example.com"}, ORGANISATION, "no_address"),
        ({"subject": ""}, ORGANISATION, "login_failed"),
        ({"subject": "s" * 513}, ORGANISATION, "login_failed"),
    ],
)
def test_who_gets_no_account(
    accounts: FederatedAccounts, changes: dict[str, Any], policy: Policy, code: str
) -> None:
    assert refusal(accounts, somebody(**changes), policy) == code


def test_an_unverified_address_is_noted_as_such(accounts: FederatedAccounts) -> None:
    user = accounts.admit(somebody(email_verified=False), ORGANISATION)
    assert user["emailVerified"] is False


def test_only_allowed_domains_come_in(make_accounts: MakeAccounts, accounts: FederatedAccounts) -> None:
    strict = make_accounts(allowed_domains=("corp.example",))
    inside = somebody(email=f"{ObjectId()}@Corp.example")
    assert strict.admit(inside, ORGANISATION)["email"].endswith("@corp.example")
    assert refusal(strict, somebody()) == "domain_not_allowed"
    assert refusal(strict, somebody(email=f"{ObjectId()}@sub.corp.example")) == "domain_not_allowed"
    # Whoever made it up would be in.
    unverified = somebody(email=f"{ObjectId()}@corp.example", email_verified=False)
    assert refusal(strict, unverified) == "address_unverified"
    outside = somebody()
    accounts.admit(outside, ORGANISATION)
    assert refusal(strict, outside) == "domain_not_allowed"


def test_names_and_a_verified_address_follow_the_organisations_server(accounts: FederatedAccounts) -> None:
    identity = somebody()
    user = accounts.admit(identity, ORGANISATION)
    address = f"{ObjectId()}@example.com"
    renamed = accounts.admit(replace(identity, name="G. Hopper", username="", email=address), ORGANISATION)
    assert renamed["_id"] == user["_id"]
    assert (renamed["name"], renamed["username"], renamed["email"]) == ("G. Hopper", "grace", address)


def test_an_address_that_somebody_else_has_does_not_follow(
    accounts: FederatedAccounts, app_database: Database
) -> None:
    identity = somebody()
    accounts.admit(identity, ORGANISATION)
    taken = local_account(app_database)["email"]
    user = accounts.admit(replace(identity, email=taken, name="Renamed"), ORGANISATION)
    assert (user["email"], user["name"]) == (identity.email, "Renamed")


def test_nobody_is_an_administrator_but_by_the_servers_word(
    accounts: FederatedAccounts, app_database: Database
) -> None:
    accounts.admit(replace(somebody(), admin=True), ORGANISATION)
    identity = somebody()
    roles = [
        accounts.admit(replace(identity, admin=admin), ORGANISATION)["role"]
        for admin in (None, True, None, False, False)
    ]
    assert roles == ["USER", "ADMIN", "ADMIN", "USER", "USER"]


def test_of_the_last_administrators_who_are_unmade_at_once_one_stays(
    accounts: FederatedAccounts, app_database: Database
) -> None:
    users = app_database.collection("users")
    others = [each["_id"] for each in users.find({"role": "ADMIN"}, {"_id": 1})]
    both = [somebody(), somebody()]
    for identity in both:
        accounts.admit(replace(identity, admin=True), ORGANISATION)
    users.update_many({"_id": {"$in": others}}, {"$set": {"role": "USER"}})
    try:
        with ThreadPoolExecutor(2) as pool:
            found = list(
                pool.map(lambda each: accounts.admit(replace(each, admin=False), ORGANISATION), both)
            )
        assert sorted(user["role"] for user in found) == ["ADMIN", "USER"]
        assert users.count_documents({"role": "ADMIN"}) == 1
    finally:
        users.delete_many({"openidId": {"$in": [each.subject for each in both]}})
        users.update_many({"_id": {"$in": others}}, {"$set": {"role": "ADMIN"}})


def test_roles_follow_the_server_where_that_is_set(
    make_accounts: MakeAccounts, app_database: Database
) -> None:
    name = f"TEAM-{ObjectId()}"
    app_database.collection("roles").insert_one({"name": name, "permissions": {}})
    accounts = make_accounts(allowed_domains=(), role_sync=RoleSync(("ghost", "ADMIN", name), "USER"))
    identity = somebody()
    seen = [
        accounts.admit(replace(identity, roles=roles), ORGANISATION)["role"]
        for roles in ((), (name.lower(), "x"), None, ("admin",), ("ghost",), ("x",))
    ]
    # A role that does not exist, and ADMIN, are given to nobody.
    assert seen == ["USER", name, name, name, name, "USER"]


def test_groups_follow_the_server_and_others_are_left(
    accounts: FederatedAccounts, app_database: Database
) -> None:
    groups = app_database.collection("groups")
    first, second, local = (f"{kind}-{ObjectId()}" for kind in ("first", "second", "local"))
    identity = somebody(groups=(first, second))
    member = str(accounts.admit(identity, ORGANISATION)["_id"])
    groups.insert_one({"name": local, "source": "local", "memberIds": [member]})

    def names() -> set[str]:
        return {group["name"] for group in groups.find({"memberIds": member})}

    assert names() == {first, second, local}
    accounts.admit(replace(identity, groups=(second,)), ORGANISATION)
    accounts.admit(replace(identity, groups=None), ORGANISATION)
    assert names() == {second, local}
    stored = groups.find_one({"name": second}) or {}
    assert (stored["source"], stored["idOnTheSource"]) == ("local", f"openid:{second}")
    assert stored["memberIds"] == [member]
    accounts.admit(replace(identity, groups=()), ORGANISATION)
    assert names() == {local}


def test_the_id_in_a_directory_follows_the_server(accounts: FederatedAccounts) -> None:
    identity = somebody(directory_id="oid-1")
    accounts.admit(identity, ORGANISATION)
    assert accounts.admit(replace(identity, directory_id="oid-2"), SOCIAL)["idOnTheSource"] == "oid-2"
    assert accounts.admit(replace(identity, directory_id=None), SOCIAL)["idOnTheSource"] == "oid-2"


def test_the_log_says_why_somebody_does_not_come_in(
    accounts: FederatedAccounts, app_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = local_account(app_database)
    assert detail(accounts, somebody(email=local["email"])) == "the address's account is local's"
    # The server does not vouch for the address: only the database knows that it is taken.
    unverified = somebody(email=local["email"], email_verified=False)
    assert detail(accounts, unverified) == "email is taken"
    stored_user(app_database, provider="local", googleId="g-1")
    assert detail(accounts, somebody(provider="google", subject="g-1")) == "the subject's account is local's"
    bound = stored_user(app_database, provider="openid", openidId="o-1")
    assert detail(accounts, somebody(email=bound["email"])) == "the address's account has another subject"
    assert detail(accounts, somebody(subject="")) == "no subject"
    identity = somebody()
    accounts.admit(identity, ORGANISATION)

    def gone(*_: Any) -> Any:
        raise NotFound

    monkeypatch.setattr(FederatedUserRepository, "update", gone)
    assert detail(accounts, replace(identity, name="New")) == "the account has gone"


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        (" Ada@Example.COM ", "ada@example.com"),
        ("ada@host.local", "ada@host.local"),
        ("Ada@Sub.Host.LOCAL", "ada@sub.host.local"),
        ("ada@.local", None),
        (".local", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_may_be_of_the_organisations_own_network(address: str | None, stored: str | None) -> None:
    assert checked_address(somebody(email=address)) == stored


def test_a_new_account_is_called_by_its_address_where_nobody_says_its_name(
    accounts: FederatedAccounts,
) -> None:
    identity = somebody(name="\u200b", username=" ")
    user = accounts.admit(identity, ORGANISATION)
    assert (user["name"], user["username"]) == (identity.subject, identity.subject)


def test_a_refusal_says_its_word_and_what_is_for_the_log() -> None:
    assert str(Refused("login_failed")) == "login_failed"
    assert Refused("login_failed").detail == ""
    assert str(Refused("login_failed", "no subject")) == "login_failed: no subject"


def test_the_domain_is_what_stands_behind_the_last_at_sign(
    make_accounts: MakeAccounts, app_database: Database
) -> None:
    strict, subject = make_accounts(allowed_domains=("corp.example",)), str(ObjectId())
    for address, comes_in in ((f'"{subject}@x"@corp.example', True), (f'"{subject}@corp.example"@x', False)):
        stored_user(app_database, provider="google", googleId=address, email=address)
        identity = somebody(provider="google", issuer=None, subject=address, email_verified=False)
        if comes_in:
            assert strict.admit(identity, SOCIAL)["email"] == address
        else:
            assert refusal(strict, identity, SOCIAL) == "domain_not_allowed"


def test_groups_name_a_member_by_the_id_in_the_directory(
    accounts: FederatedAccounts, app_database: Database
) -> None:
    name, oid = f"team-{ObjectId()}", str(ObjectId())
    accounts.admit(somebody(groups=(name,), directory_id=oid), ORGANISATION)
    group = app_database.collection("groups").find_one({"name": name}) or {}
    assert group["memberIds"] == [oid]
