"""What stands behind a directory: the accounts of one database, and the settings as they are now."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from bson import ObjectId

from echo.accounts.federation import directory
from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.directory_assembly import build_directory
from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.settings import Settings
from echo.settings.directory import LdapSettings
from storage.core.database import Database

LDAP = LdapSettings(
    "127.0.0.1", 389, tls=False, start_tls=False, search_base="dc=example", search_filter="(uid=x)"
)
POLICY = Policy(registers=True, renames=True)


class Domains:
    """What the settings say at the moment of whose addresses may come in."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] = ()

    def __call__(self, owner: str | None) -> Settings:
        # Nobody is known yet, so it is what everybody's settings say.
        assert owner is None
        return cast("Settings", SimpleNamespace(allowed_domains=self.allowed))


@pytest.fixture
def domains() -> Domains:
    return Domains()


@pytest.fixture
def accounts(database: Database, domains: Domains, monkeypatch: pytest.MonkeyPatch) -> FederatedAccounts:
    """What the directory gives accounts by."""
    # Of the directory itself what it is made of is all that is wanted.
    monkeypatch.setattr(directory, "DirectoryCredentials", lambda *of: of)
    settings = cast("Settings", SimpleNamespace(ldap=LDAP))
    ldap, accounts = cast("Any", build_directory(settings, database, domains))
    assert ldap is LDAP
    return cast("FederatedAccounts", accounts)


def somebody(subject: str | None = None, **changes: Any) -> Identity:
    subject = subject or str(ObjectId())
    return Identity("ldap", subject, **{"email": f"{subject}@example.com", "email_verified": True, **changes})


def test_without_settings_of_one_there_is_none(database: Database, domains: Domains) -> None:
    assert build_directory(cast("Settings", SimpleNamespace(ldap=None)), database, domains) is None


def test_who_is_new_gets_an_account_and_groups(accounts: FederatedAccounts, database: Database) -> None:
    made = accounts.admit(somebody("ada", groups=("staff",)), POLICY)
    stored = database.collection("users").find_one({"_id": made["_id"]}) or {}
    assert (stored["provider"], stored["ldapId"], stored["role"]) == ("ldap", "ada", "USER")
    group = database.collection("groups").find_one({"name": "staff"}) or {}
    assert group["memberIds"] == [str(made["_id"])]
    assert accounts.admit(somebody("ada"), POLICY)["_id"] == made["_id"]


def test_the_address_of_another_account_is_not_taken(accounts: FederatedAccounts, database: Database) -> None:
    database.collection("users").insert_one({"email": "ada@example.com", "provider": "local"})
    with pytest.raises(Refused) as refused:
        accounts.admit(somebody(email="ada@example.com"), POLICY)
    assert refused.value.detail == "the address's account is local's"


def test_domains_are_those_that_are_allowed_now(accounts: FederatedAccounts, domains: Domains) -> None:
    accounts.admit(somebody(), POLICY)
    domains.allowed = ("corp.example",)
    with pytest.raises(Refused) as refused:
        accounts.admit(somebody(), POLICY)
    assert refused.value.code == "domain_not_allowed"


def test_the_last_administrator_stays_one(accounts: FederatedAccounts) -> None:
    """A directory says nothing of administrators; what would is held to the same."""
    accounts.admit(somebody("ada", admin=True), POLICY)
    accounts.admit(somebody("bob", admin=True), POLICY)
    roles = [accounts.admit(somebody(each, admin=False), POLICY)["role"] for each in ("ada", "bob")]
    assert roles == ["USER", "ADMIN"]
