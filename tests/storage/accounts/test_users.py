"""Accounts: one for each address, and one first of all."""

import secrets

import pytest
from bson import ObjectId

from storage.accounts.users import UserRepository
from storage.core.database import Database, Document
from storage.core.errors import Conflict, InvalidDocument, NotFound
from tests.support.chats import START
from tests.support.threads import THREADS, together


@pytest.fixture
def users(database: Database) -> UserRepository:
    return UserRepository(database)


def sign_up(users: UserRepository, email: str) -> Document:
    return users.create(name="Somebody", email=email, username="some", password_hash="$2b$12$x")


class TestCreate:
    def test_stores_what_librechat_reads(self, users: UserRepository, database: Database) -> None:
        made = users.create(name="Ada L", email="Ada@Example.COM", username="Ada", password_hash="$2b$12$x")
        stored = database.collection("users").find_one({"_id": made["_id"]})
        assert stored == made
        assert stored | {"_id": 0, "createdAt": 0, "updatedAt": 0} == {
            "_id": 0,
            "name": "Ada L",
            "username": "ada",
            "email": "ada@example.com",
            "emailVerified": True,
            "password": "$2b$12$x",
            "avatar": None,
            "provider": "local",
            "role": "ADMIN",
            "plugins": [],
            "twoFactorEnabled": False,
            "termsAccepted": False,
            "termsAcceptedAt": None,
            "personalization": {"memories": True},
            "backupCodes": [],
            "refreshToken": [],
            "favorites": [],
            "skillStates": {},
            "createdAt": 0,
            "updatedAt": 0,
            "__v": 0,
        }
        assert stored["createdAt"].tzinfo is not None

    def test_the_first_user_is_administrator_and_no_other(self, users: UserRepository) -> None:
        roles = [sign_up(users, f"{number}@example.com")["role"] for number in range(3)]
        assert roles == ["ADMIN", "USER", "USER"]
        stored = [users.find_by_email(f"{number}@example.com") for number in range(3)]
        assert [user and user["role"] for user in stored] == roles

    def test_in_a_database_of_librechats_nobody_new_is_administrator(
        self, users: UserRepository, database: Database
    ) -> None:
        database.collection("users").insert_one({"email": "old@example.com", "role": "USER"})
        assert sign_up(users, "new@example.com")["role"] == "USER"

    def test_an_address_is_taken_whatever_its_case(self, users: UserRepository) -> None:
        sign_up(users, "ada@example.com")
        with pytest.raises(Conflict) as caught:
            sign_up(users, "ADA@Example.com")
        assert caught.value.field == "email"
        assert users.count() == 1

    @pytest.mark.parametrize("attempt", range(3))
    def test_eight_at_once_make_one_administrator(self, users: UserRepository, attempt: int) -> None:
        made = together(lambda number: sign_up(users, f"{number}@example.com"))
        assert sorted(user["role"] for user in made) == ["ADMIN"] + ["USER"] * (THREADS - 1)
        stored = [users.get(str(user["_id"])) for user in made]
        assert [user["role"] for user in stored] == [user["role"] for user in made]

    @pytest.mark.parametrize("first", [True, False], ids=["as the first", "later"])
    def test_eight_at_once_with_one_address_make_one_user(self, users: UserRepository, first: bool) -> None:
        if not first:
            sign_up(users, "first@example.com")
        before = users.count()

        def attempt(number: int) -> str:
            try:
                sign_up(users, "same@example.com")
            except Conflict as error:
                return error.field
            return "made"

        outcomes = together(attempt)
        assert sorted(outcomes) == ["email"] * (THREADS - 1) + ["made"]
        assert users.count() == before + 1

    def test_a_claim_that_a_crash_left_does_not_stand_in_the_way(
        self, users: UserRepository, database: Database
    ) -> None:
        sign_up(users, "ada@example.com")
        database.collection("users").delete_many({})
        database.collection("echo_claims").update_one({}, {"$set": {"claimedAt": START}})
        assert sign_up(users, "bob@example.com")["role"] == "ADMIN"

    @pytest.mark.parametrize("name", ["\ud800", "x" * 17_000_000], ids=["surrogate", "too large"])
    def test_what_mongodb_refuses_is_said_and_leaves_nothing(self, users: UserRepository, name: str) -> None:
        with pytest.raises(InvalidDocument):
            users.create(name=name, email="a@example.com", username="a", password_hash="x")
        assert users.count() == 0
        assert sign_up(users, "a@example.com")["email"] == "a@example.com"


class TestGet:
    def test_gives_the_user(self, users: UserRepository) -> None:
        made = sign_up(users, "ada@example.com")
        assert users.get(str(made["_id"])) == made

    @pytest.mark.parametrize("owner", ["", "0", "x" * 24, "\ud800", "0" * 24, "$where", "0" * 12])
    def test_an_unknown_or_impossible_id_is_not_found(self, users: UserRepository, owner: str) -> None:
        sign_up(users, "ada@example.com")
        with pytest.raises(NotFound):
            users.get(owner)


class TestFindByEmail:
    def test_disregards_case(self, users: UserRepository) -> None:
        made = sign_up(users, "ada@example.com")
        assert users.find_by_email("Ada@EXAMPLE.com") == made

    @pytest.mark.parametrize("email", ["", "bob@example.com", "ada@example.com\0", "\ud800", ".*"])
    def test_knows_nobody_else(self, users: UserRepository, email: str) -> None:
        sign_up(users, "ada@example.com")
        assert users.find_by_email(email) is None

    def test_prefers_the_user_without_a_tenant(self, users: UserRepository, database: Database) -> None:
        email = "ada@example.com"
        database.collection("users").insert_one(
            {"email": email, "tenantId": "a", "_id": ObjectId(b"\0" * 12)}
        )
        made = sign_up(users, email)
        assert users.find_by_email(email) == made


class TestCount:
    def test_counts(self, users: UserRepository) -> None:
        assert users.count() == 0
        for _ in range(3):
            sign_up(users, f"{secrets.token_hex(4)}@example.com")
        assert users.count() == 3
