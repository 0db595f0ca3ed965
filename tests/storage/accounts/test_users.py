"""Accounts: one for each address, and one first of all."""

import secrets
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts import users as module
from storage.accounts.users import UserRepository
from storage.core.database import Database, Document
from storage.core.errors import Conflict, InvalidDocument, NotFound
from storage.core.repository import now
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


class TestWaiting:
    def test_for_an_address_to_be_verified_an_account_has_a_week_or_for_ever(
        self, users: UserRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = now()
        monkeypatch.setattr(module, "now", lambda: moment)
        fields = {"name": "x", "username": "x", "password_hash": "x"}
        going = users.create(email="a@example.com", verified=False, lasting=False, **fields)
        # MongoDB removes it a week after that.
        assert (going["emailVerified"], going["expiresAt"]) == (False, moment + timedelta(days=7))
        lasting = users.create(email="b@example.com", verified=False, lasting=True, **fields)
        assert (lasting["emailVerified"], "expiresAt" in lasting) == (False, False)
        verified = users.create(email="c@example.com", verified=True, lasting=False, **fields)
        assert (verified["emailVerified"], "expiresAt" in verified) == (True, False)

    def test_a_role_that_is_given_is_the_users_first_or_not(self, users: UserRepository) -> None:
        fields = {"name": "x", "username": "x", "password_hash": "x"}
        made = [users.create(email=f"{each}@example.com", role="TEAM", **fields)["role"] for each in range(2)]
        assert made == ["TEAM", "TEAM"]

    @pytest.mark.parametrize(("seconds", "role"), [(60, "USER"), (60.001, "ADMIN")])
    def test_a_claim_to_be_the_first_holds_for_a_minute(
        self,
        users: UserRepository,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
        seconds: float,
        role: str,
    ) -> None:
        moment = now()
        monkeypatch.setattr(module, "now", lambda: moment)
        claim = {"_id": "first-administrator", "claimedAt": moment - timedelta(seconds=seconds)}
        database.collection("echo_claims").insert_one(claim)
        assert sign_up(users, "a@example.com")["role"] == role
        assert users.count() == 1


class TestChanges:
    MOMENT = now() + timedelta(days=1)

    @pytest.fixture
    def ada(self, users: UserRepository, monkeypatch: pytest.MonkeyPatch) -> Document:
        made = sign_up(users, "ada@example.com")
        users._collection.update_one({"_id": made["_id"]}, {"$set": {"expiresAt": START}})
        monkeypatch.setattr(module, "now", lambda: self.MOMENT)
        return users.get(str(made["_id"]))

    def changed(self, users: UserRepository, before: Document) -> Document:
        """What is another than before, and is the users' alone; None for what has gone."""
        after = users.get(str(before["_id"]))
        assert after.pop("updatedAt") == self.MOMENT
        names = (before.keys() | after.keys()) - {"updatedAt"}
        return {name: after.get(name) for name in names if before.get(name) != after.get(name)}

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (lambda users, ada: users.prefer_memories(ada, False), {"personalization": {"memories": False}}),
            (lambda users, ada: users.set_skill_states(ada, {"s": True}), {"skillStates": {"s": True}}),
            (lambda users, ada: users.set_avatar(ada, "/images/a"), {"avatar": "/images/a"}),
            (lambda users, ada: users.set_password(ada, "hash"), {"password": "hash"}),
            (lambda users, ada: users.set_email(ada, "New@X.com"), {"email": "new@x.com", "expiresAt": None}),
            (lambda users, ada: users.set_verified(ada), {"expiresAt": None}),
            (lambda users, ada: users.keep(ada), {"expiresAt": None}),
            (lambda users, ada: users.rename(ada, {"name": "A", "role": "ADMIN"}), {"name": "A"}),
            (lambda users, ada: users.rename(ada, {"username": "a"}), {"username": "a"}),
            (lambda users, ada: users.change_password(ada, "$2b$12$x", "hash"), {"password": "hash"}),
        ],
    )
    def test_are_of_one_user_and_nothing_else(
        self, users: UserRepository, ada: Document, change: Any, expected: Document
    ) -> None:
        other = sign_up(users, "bob@example.com")
        change(users, str(ada["_id"]))
        assert self.changed(users, ada) == expected
        assert users.get(str(other["_id"])) == other

    @pytest.mark.parametrize("owner", ["nobody", "0" * 24])
    def test_of_nobody_are_not_found(self, users: UserRepository, ada: Document, owner: str) -> None:
        for change in (
            lambda: users.set_password(owner, "hash"),
            lambda: users.keep(owner),
            lambda: users.rename(owner, {"name": "x"}),
        ):
            with pytest.raises(NotFound):
                change()

    def test_make_an_address_the_users_that_was_not_verified(
        self, users: UserRepository, ada: Document
    ) -> None:
        owner = str(ada["_id"])
        for change in (lambda: users.set_verified(owner), lambda: users.set_email(owner, "new@x.com")):
            users._collection.update_one({"_id": ada["_id"]}, {"$set": {"emailVerified": False}})
            change()
            assert users.get(owner)["emailVerified"] is True

    def test_to_an_address_that_is_taken_are_refused(self, users: UserRepository, ada: Document) -> None:
        sign_up(users, "bob@example.com")
        with pytest.raises(Conflict) as refused:
            users.set_email(str(ada["_id"]), "BOB@example.com")
        assert refused.value.field == "email"

    def test_of_a_password_that_is_another_by_now_are_none(
        self, users: UserRepository, ada: Document
    ) -> None:
        owner = str(ada["_id"])
        assert users.change_password(owner, "$2b$12$x", "hash")
        assert not users.change_password(owner, "$2b$12$x", "third")
        assert not users.change_password("0" * 24, "hash", "third")
        assert users.get(owner)["password"] == "hash"

    def test_that_rename_answer_the_user(self, users: UserRepository, ada: Document) -> None:
        owner = str(ada["_id"])
        assert users.rename(owner, {"name": "A", "username": "a"}) == users.get(owner)
