"""Logins while the operator does something to the account."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from echo.accounts.service import AuthService
from echo.accounts.sessions import SessionGuard
from echo.accounts.tokens import Tokens
from echo.accounts.two_factor import TwoFactorService
from echo.accounts.violations import Violations, ViolationStores
from echo.accounts.writing import Notices
from echo.errors import Unauthorized
from echo.handling.caller import ClientInfo
from echo.settings import Settings
from storage.accounts.bans import BanRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.two_factor import TwoFactorRepository, UsedCodeRepository
from storage.accounts.users import UserRepository
from storage.accounts.violations import ViolationRepository
from storage.core.database import Database, Document
from storage.operator.administration import AccountDirectory
from storage.operator.erasure import Erasure
from storage.runs.runs import RunRepository
from tests.conftest import PASSWORD
from tests.support.mail import no_post

CLIENT = ClientInfo("127.0.0.1", secure=False)
Interference = Callable[[Database, str], Any]


class OvertakenRepository(SessionRepository):
    """Before a session is made something else happens: the password that was right is no longer."""

    def __init__(self, database: Database, interfere: Interference) -> None:
        super().__init__(database)
        self._interfere = interfere

    def create(self, owner: str, **session: Any) -> Document:
        self._interfere(self._database, owner)
        self.delete_all(owner)
        return super().create(owner, **session)


@pytest.mark.parametrize(
    "interfere",
    [
        lambda database, owner: AccountDirectory(database).set_password(owner, "another hash"),
        lambda database, owner: Erasure(database).finish(owner),
    ],
    ids=["set-password", "delete"],
)
def test_no_session_is_left_of_a_login_that_was_overtaken(
    app_database: Database, settings: Settings, tokens: Tokens, password_hash: str, interfere: Interference
) -> None:
    users, sessions = UserRepository(app_database), OvertakenRepository(app_database, interfere)
    post = no_post(app_database)
    service = AuthService(
        settings,
        tokens,
        users=users,
        sessions=sessions,
        bans=BanRepository(app_database),
        guard=SessionGuard(sessions),
        two_factor=TwoFactorService(
            TwoFactorRepository(app_database),
            UsedCodeRepository(app_database),
            None,
            issuer="Echo",
            notices=Notices(users, post),
        ),
        post=post,
        violations=Violations(
            settings,
            ViolationStores(
                ViolationRepository(app_database),
                BanRepository(app_database),
                sessions,
                RunRepository(app_database),
            ),
        ),
    )
    email = f"{ObjectId()}@example.com"
    user = users.create(name="Ada", email=email, username="", password_hash=password_hash)
    with pytest.raises(Unauthorized):
        service.login(email, PASSWORD, CLIENT)
    assert sessions.delete_all(str(user["_id"])) == 0
