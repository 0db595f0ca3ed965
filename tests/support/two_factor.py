"""Accounts with a second factor as LibreChat makes them, and the codes of their apps."""

import hashlib
import time
from typing import Any

import pyotp
from bson import ObjectId
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.padding import PKCS7

from tests.conftest import PASSWORD, Client, UserClient

VERIFY = "/api/auth/2fa/verify-temp"
# What `tests/conftest.py` gives every Echo, and with what LibreChat wrote the database of tests/librechat.
CREDS_KEY = "c0" * 32
# Of 80 bits, as LibreChat makes them.
SECRET = "JBSWY3DPEHPK3PXP"
BACKUP_CODES = ["0a1b2c3d", "deadbeef", "5ca1ab1e"]


class _App(pyotp.TOTP):
    """The library refuses secrets as short as LibreChat's."""

    min_secret_length_bits = 80


def code_of(secret: str = SECRET, *, steps: int = 0) -> str:
    """What the app shows, so many steps of thirty seconds from now."""
    return _App(secret).at(time.time(), counter_offset=steps)


def wrong_code(secret: str = SECRET) -> str:
    """Six digits that the app does not show around now."""
    shown = {code_of(secret, steps=steps) for steps in range(-3, 4)}
    return next(each for each in ("000000", "111111", *map(str, range(222222, 222230))) if each not in shown)


def encrypt_v3(text: str, key: str = CREDS_KEY) -> str:
    """As the function of that name in LibreChat's `packages/data-schemas/src/crypto`."""
    block = bytes(range(16))
    encryptor = Cipher(AES256(bytes.fromhex(key)), CTR(block)).encryptor()
    return f"v3:{block.hex()}:{(encryptor.update(text.encode()) + encryptor.finalize()).hex()}"


def encrypt_v2(text: str, key: str = CREDS_KEY) -> str:
    """As the function of that name there, which older versions used."""
    vector, padder = bytes(range(16)), PKCS7(128).padder()
    encryptor = Cipher(AES256(bytes.fromhex(key)), CBC(vector)).encryptor()
    padded = padder.update(text.encode()) + padder.finalize()
    return f"{vector.hex()}:{(encryptor.update(padded) + encryptor.finalize()).hex()}"


def stored_codes(codes: list[str]) -> list[dict[str, Any]]:
    """Backup codes as they lie in the database."""
    hashes = [hashlib.sha256(code.encode()).hexdigest() for code in codes]
    return [{"codeHash": each, "used": False, "usedAt": None} for each in hashes]


def librechats_fields(secret: str = SECRET, key: str = CREDS_KEY) -> dict[str, Any]:
    """What LibreChat writes into a user when a second factor is confirmed."""
    return {
        "twoFactorEnabled": True,
        "totpSecret": encrypt_v3(secret, key),
        "backupCodes": stored_codes(BACKUP_CODES),
        "pendingTotpSecret": None,
        "pendingBackupCodes": [],
    }


def give_second_factor(users: Any, owner: str, **changes: Any) -> None:
    """Let an account have one; `users` is the collection."""
    done = users.update_one({"_id": ObjectId(owner)}, {"$set": {**librechats_fields(), **changes}})
    assert done.matched_count == 1


def log_in(api: Client, user: UserClient, **changes: Any) -> Any:
    return api.post("/api/auth/login", json={"email": user.email, "password": PASSWORD, **changes})


def half(api: Client, user: UserClient) -> str:
    """The temporary token of a login."""
    answer = log_in(api, user)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["tempToken"])


def verify(api: Client, temp_token: str, **proof: str) -> Any:
    return api.post(VERIFY, json={"tempToken": temp_token, **proof})


def account(stored: Any, user: UserClient) -> dict[str, Any]:
    document = stored.users.find_one({"_id": ObjectId(user.id)})
    assert document is not None
    return document


def refused(answer: Any, status: int, code: str) -> bool:
    return (answer.status_code, answer.json()["code"]) == (status, code)
