"""An account with two-factor authentication as LibreChat writes it: it logs in here with its own app and codes."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from echo.settings import Settings
from tests.conftest import Client
from tests.librechat.conftest import PASSWORDS
from tests.support.librechat import Content, difference, user_id
from tests.support.two_factor import BACKUP_CODES, code_of, encrypt_v2, give_second_factor, librechats_fields


@pytest.fixture
def users(moved: Settings) -> Iterator[Any]:
    with MongoClient[dict[str, Any]](str(moved.mongo_uri)) as client:
        yield client.get_default_database()["users"]


def log_in_half(anonymous: Client) -> str:
    body = {"email": "ada@example.test", "password": PASSWORDS["ada"]}
    answer = anonymous.post("/api/auth/login", json=body).json()
    assert answer.keys() == {"twoFAPending", "tempToken"}
    return str(answer["tempToken"])


@pytest.mark.parametrize(
    "form", [{}, {"totpSecret": encrypt_v2("JBSWY3DPEHPK3PXP")}, {"totpSecret": "JBSWY3DPEHPK3PXP"}]
)
def test_a_code_of_its_app_is_good_and_changes_nothing_of_the_account(
    anonymous: Client, users: Any, content: Content, form: dict[str, str]
) -> None:
    give_second_factor(users, str(user_id(content, "ada")), **form)
    before = content()
    body = {"tempToken": log_in_half(anonymous), "token": code_of()}
    answer = anonymous.post("/api/auth/2fa/verify-temp", json=body)
    assert answer.status_code == 200
    assert anonymous.with_token(answer.json()["token"]).get("/api/user").json()["email"] == "ada@example.test"
    changed = difference(before, content())
    assert changed == {"sessions": (1, 0, []), "echo_used_codes": (1, 0, [])}


def test_a_backup_code_is_used_up_where_librechat_sees_it(
    anonymous: Client, users: Any, content: Content
) -> None:
    give_second_factor(users, str(user_id(content, "ada")))
    before = content()
    body = {"tempToken": log_in_half(anonymous), "backupCode": BACKUP_CODES[0]}
    assert anonymous.post("/api/auth/2fa/verify-temp", json=body).status_code == 200
    changed = difference(before, content())
    assert changed == {"sessions": (1, 0, []), "users": (0, 0, [{"backupCodes", "updatedAt"}])}
    [first, *others] = users.find_one({"email": "ada@example.test"})["backupCodes"]
    assert first.keys() == {"codeHash", "used", "usedAt"}
    assert first["used"] is True
    assert others == librechats_fields()["backupCodes"][1:]


def test_an_account_that_has_none_is_asked_for_none(anonymous: Client, users: Any) -> None:
    assert users.count_documents({"twoFactorEnabled": True}) == 0
    for name, password in PASSWORDS.items():
        body = {"email": f"{name}@example.test", "password": password}
        assert "token" in anonymous.post("/api/auth/login", json=body).json()
