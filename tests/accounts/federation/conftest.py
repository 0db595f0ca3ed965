"""The part that gives accounts to identities, on the application's database."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from starlette.testclient import TestClient

from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.identity import Identity
from storage.access.directory_groups import DirectoryGroupRepository
from storage.access.roles import RoleRepository
from storage.accounts.federated_users import FederatedUserRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database

MakeAccounts = Callable[..., FederatedAccounts]


@pytest.fixture
def make_accounts(running: TestClient, app_database: Database) -> MakeAccounts:
    def make(**changes: Any) -> FederatedAccounts:
        return FederatedAccounts(
            UserRepository(app_database),
            FederatedUserRepository(app_database),
            DirectoryGroupRepository(app_database),
            RoleRepository(app_database),
            **{"allowed_domains": (), **changes},
        )

    return make


@pytest.fixture
def accounts(make_accounts: MakeAccounts) -> FederatedAccounts:
    return make_accounts()


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
