"""The second factor when two sessions change it at once."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.accounts.writing import Notices
from echo.errors import ApiError
from storage.accounts.two_factor import StoredFactor, TwoFactorRepository, UsedCodeRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from tests.support.mail import no_post
from tests.support.two_factor import CREDS_KEY, give_second_factor


class OvertakenRepository(TwoFactorRepository):
    """While somebody reads that there is no second factor, the account's owner confirms one."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.users = database.collection("users")

    def get(self, owner: str) -> StoredFactor:
        found = super().get(owner)
        give_second_factor(self.users, owner)
        return found


@pytest.mark.parametrize(
    "change",
    [
        lambda service, owner: service.begin(owner, "ada@example.com", Proof()),
        lambda service, owner: service.disable(owner, Proof()),
        lambda service, owner: service.regenerate(owner, Proof()),
    ],
    ids=["enable", "disable", "regenerate"],
)
def test_without_proof_one_that_was_confirmed_meanwhile_is_left_alone(
    app_database: Database, change: Callable[[TwoFactorService, str], Any]
) -> None:
    user = UserRepository(app_database).create(
        name="Ada", email=f"{ObjectId()}@example.com", username="", password_hash="x"
    )
    factors = OvertakenRepository(app_database)
    service = TwoFactorService(
        factors,
        UsedCodeRepository(app_database),
        CredentialsCipher(CREDS_KEY, "d1" * 16),
        issuer="Echo",
        notices=Notices(UserRepository(app_database), no_post(app_database)),
    )
    owner = str(user["_id"])
    with pytest.raises(ApiError):
        change(service, owner)
    stored = factors.users.find_one({"_id": user["_id"]}) or {}
    give_second_factor(factors.users, owner)
    expected = factors.users.find_one({"_id": user["_id"]}) or {}
    assert stored == expected
