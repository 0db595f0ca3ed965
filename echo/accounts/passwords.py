"""Passwords: bcrypt hashes as LibreChat makes them, and a block list of common ones."""

import hashlib
from functools import cache

import bcrypt

from echo.errors import FieldError, InvalidRequest

# LibreChat's cost; a higher one would make logins with its hashes tell known accounts from unknown ones by time.
COST = 10
MAX_BYTES = 72


def hash_password(password: str) -> str:
    """A bcrypt hash in the `$2b$` form."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password fits the hash; takes as long for no hash, so that accounts cannot be told by time.

    Like LibreChat's bcryptjs it looks at the first 72 bytes.
    """
    candidate = password.encode()[:MAX_BYTES]
    if hashed is None:
        bcrypt.checkpw(candidate, _dummy_hash())
        return False
    try:
        return bcrypt.checkpw(candidate, hashed.encode())
    except ValueError:
        # What is stored is no bcrypt hash.
        bcrypt.checkpw(candidate, _dummy_hash())
        return False


def mark_of_password(hashed: str | None) -> str:
    """What tells whether an account still has the password it had, and nothing of that."""
    return hashlib.sha256((hashed or "").encode()).hexdigest()


def check_new_password(password: str, *, minimum: int) -> None:
    """Raise `InvalidRequest` for a password that is too short, too long for bcrypt, or a common one.

    OWASP ASVS 5: no composition rules, but a block list.
    """
    size = len(password.encode())
    if len(password) < minimum:
        raise _refusal(f"must have at least {minimum} characters", "weak_password")
    if size > MAX_BYTES:
        raise _refusal(f"must have at most {MAX_BYTES} bytes in UTF-8", "weak_password")
    if "\0" in password:
        raise _refusal("must not contain NUL", "weak_password")
    if password.lower() in _common_passwords():
        raise _refusal("is one of the most common passwords", "common_password")


def _refusal(reason: str, code: str) -> InvalidRequest:
    return InvalidRequest(f"The password {reason}.", code=code, errors=(FieldError("password", reason),))


@cache
def _dummy_hash() -> bytes:
    return bcrypt.hashpw(b"no account has this password", bcrypt.gensalt(COST))


@cache
def _common_passwords() -> frozenset[str]:
    # Imported on first use: the list is large, and most processes never register anyone.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    return frozenset(FREQUENCY_LISTS["passwords"])
