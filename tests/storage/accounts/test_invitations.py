"""Invitations: for one address, by one token, until they expire, once."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts.invitations import InvitationRepository
from storage.core.database import Database

EMAIL, HASH = "grace@example.com", "a1" * 32
HOUR = timedelta(hours=1)


@pytest.fixture
def invitations(database: Database) -> InvitationRepository:
    return InvitationRepository(database)


def invite(database: Database, **fields: Any) -> None:
    made = datetime.now(UTC)
    document = {"_id": ObjectId(), "email": EMAIL, "token": HASH, "type": "invite", "userId": ObjectId()}
    dates = {"createdAt": made, "expiresAt": made + HOUR}
    document |= dates | fields
    database.collection("tokens").insert_one(
        {name: value for name, value in document.items() if value is not None}
    )


def test_is_found_by_its_address_and_its_token(invitations: InvitationRepository, database: Database) -> None:
    invite(database, metadata={"role": "ADMIN", "note": "x"}, tokenSecret="x")
    found = invitations.find(EMAIL, HASH)
    assert found is not None
    assert found.keys() == {"_id", "email", "createdAt", "expiresAt", "metadata"}
    assert found["metadata"] == {"role": "ADMIN"}
    assert invitations.find("other@example.com", HASH) is None
    assert invitations.find(EMAIL, "b2" * 32) is None
    # Not even text.
    assert invitations.find("\ud800", HASH) is None


@pytest.mark.parametrize(
    ("fields", "valid"),
    [
        ({"expiresAt": datetime.now(UTC) - HOUR}, False),
        # As older versions left it: without a type, and hashed in hex.
        ({"type": None}, True),
        ({"type": None, "token": HASH[:-1]}, False),
        ({"type": None, "token": HASH.upper()}, False),
        ({"type": None, "token": "$2b$10$" + "x" * 53}, False),
        ({"type": "password_reset"}, False),
        ({"type": "email_verification"}, False),
    ],
)
def test_is_what_is_one_and_has_not_expired(
    invitations: InvitationRepository, database: Database, fields: dict[str, Any], valid: bool
) -> None:
    invite(database, **fields)
    assert (invitations.find(EMAIL, fields.get("token", HASH)) is not None) is valid
    assert invitations.use_up(EMAIL) == int(valid)


def test_all_of_an_address_are_used_up_together_and_no_others(
    invitations: InvitationRepository, database: Database
) -> None:
    invite(database)
    invite(database, token="c3" * 32)
    invite(database, email="other@example.com")
    invite(database, type="password_reset")
    assert [invitations.use_up(EMAIL) for _ in range(2)] == [2, 0]
    assert {(row["email"], row["type"]) for row in database.collection("tokens").find()} == {
        ("other@example.com", "invite"),
        (EMAIL, "password_reset"),
    }


@pytest.fixture
def far_west(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock shows nine hours less than UTC."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "XXX+9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_west")
def test_ends_at_the_same_time_wherever_the_machine_is(
    invitations: InvitationRepository, database: Database
) -> None:
    invite(database, expiresAt=datetime.now(UTC) - HOUR)
    assert invitations.find(EMAIL, HASH) is None
    invite(database)
    assert invitations.find(EMAIL, HASH) is not None
