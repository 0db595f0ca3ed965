"""Accounts as they are made and read: addresses in one form, passwords hashed, the caller that a stored user is."""

from collections.abc import Mapping
from typing import Any

from echo.accounts.passwords import hash_password
from echo.errors import Conflict, FieldError, InvalidRequest
from echo.handling.caller import Caller
from storage.accounts.users import UserRepository
from storage.core import errors as storage_errors


def create_account(
    users: UserRepository,
    *,
    name: str,
    email: str,
    username: str | None,
    password: str,
    role: str | None = None,
    verified: bool = True,
    lasting: bool = True,
) -> dict[str, Any]:
    """Store a new user with a checked address and password; raises `Conflict` for an address that is taken.

    One that is not `verified` waits for its address to be; if it is not `lasting` either, it goes some day.
    """
    try:
        return users.create(
            name=name,
            email=email,
            username=username or "",
            password_hash=hash_password(password),
            role=role,
            verified=verified,
            lasting=lasting,
        )
    except storage_errors.Conflict as error:
        field = FieldError(error.field, "already taken")
        raise Conflict(
            f"That {error.field} is already registered.", code="email_taken", errors=(field,)
        ) from error


def caller_of(user: Mapping[str, Any], session_id: str) -> Caller:
    """The caller that a stored user is in a session; older documents may lack any of the optional fields."""
    return Caller(
        id=str(user["_id"]),
        session_id=session_id,
        email=user.get("email") or "",
        username=user.get("username") or "",
        provider=user.get("provider") or "local",
        role=user.get("role") or "USER",
    )


def normalize_email(email: str) -> str:
    """The address in the form in which it is stored and compared: checked, in lower case.

    Raises `InvalidRequest`; no name server is asked.
    """
    # Imported here: its patterns take a twentieth of a second, and addresses are seldom read.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    try:
        checked = validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        problem = FieldError("email", "is not a valid e-mail address")
        raise InvalidRequest(errors=(problem,)) from error
    return checked.normalized.lower()
