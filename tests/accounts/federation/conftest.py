"""The part that gives accounts to identities, on the application's database."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId
from starlette.testclient import TestClient

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.delegation import Delegate, Delegations
from echo.accounts.federation.identity import Identity
from echo.accounts.turns import Turns
from storage.access.directory_groups import DirectoryGroupRepository
from storage.access.roles import RoleRepository
from storage.accounts.administrators import AdministratorRepository
from storage.accounts.federated_users import FederatedUserRepository
from storage.accounts.openid_tokens import OpenIdTokenRepository
from storage.accounts.renewals import RenewalRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from tests.support.directories import DIRECTORIES, SLAPD, Directory

if TYPE_CHECKING:
    from tests.support.saml_idp import IdentityProvider

MakeAccounts = Callable[..., FederatedAccounts]


@pytest.fixture
def make_accounts(running: TestClient, app_database: Database) -> MakeAccounts:
    def make(**changes: Any) -> FederatedAccounts:
        allowed = changes.pop("allowed_domains", ())
        return FederatedAccounts(
            UserRepository(app_database),
            FederatedUserRepository(app_database),
            DirectoryGroupRepository(app_database),
            RoleRepository(app_database),
            AdministratorRepository(app_database),
            **{"allowed_domains": lambda: allowed, **changes},
        )

    return make


def make_delegations(database: Database, delegate: Delegate | None) -> Delegations:
    """What exchanges tokens at this provider."""
    cipher = CredentialsCipher("c0" * 32, "d1" * 16)
    turns = Turns(RenewalRepository(database))
    return Delegations(OpenIdTokenRepository(database), turns, cipher, delegate)


@pytest.fixture
def accounts(make_accounts: MakeAccounts) -> FederatedAccounts:
    return make_accounts()


@pytest.fixture(scope="session", params=DIRECTORIES)
def directory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Directory]:
    if request.param == "slapd" and SLAPD is None:
        pytest.skip("OpenLDAP's slapd is not installed; the same tests run with ldaptor")
    with DIRECTORIES[request.param](tmp_path_factory.mktemp("directory")) as running:
        yield running


@pytest.fixture(scope="session")
def idp(tmp_path_factory: pytest.TempPathFactory) -> "IdentityProvider":
    # Imported here: it takes a second, which only tests of SAML have to wait.
    from tests.support.saml_idp import IdentityProvider  # noqa: PLC0415

    return IdentityProvider(tmp_path_factory.mktemp("idp"))


def somebody(**changes: Any) -> Identity:
    """A subject that nobody has seen before, with an address of its own for which its server vouches."""
    unique = str(ObjectId())
    fields: dict[str, Any] = {
        "provider": "openid",
        "issuer": "https://sso.example.com",
        "subject": unique,
        "email": f"{unique}@example.com",
        "email_verified": True,
        "name": "Grace Hopper",
        "username": "grace",
    }
    return Identity(**{**fields, **changes})
