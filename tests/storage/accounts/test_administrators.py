"""Roles change one after the other, and one administrator is always left."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts import administrators as module
from storage.accounts.administrators import AdministratorRepository
from storage.core.database import Database
from storage.core.errors import LastAdministrator, NotFound, Unavailable
from storage.core.repository import now
from tests.support.threads import THREADS, together


@pytest.fixture
def administrators(database: Database) -> AdministratorRepository:
    return AdministratorRepository(database)


def add(database: Database, role: str, **fields: Any) -> str:
    user = {"_id": ObjectId(), "role": role, "email": f"{ObjectId()}@example.com", **fields}
    database.collection("users").insert_one(user)
    return str(user["_id"])


def role_of(database: Database, owner: str) -> str:
    return str((database.collection("users").find_one({"_id": ObjectId(owner)}) or {})["role"])


class TestARole:
    def test_is_given_to_one_and_told_as_it_was(
        self, administrators: AdministratorRepository, database: Database
    ) -> None:
        ada = add(database, "USER", name="Ada", idOnTheSource="x", password="secret")
        bob = add(database, "USER")
        before, start = administrators.set_role(ada, "ADMIN"), now()
        assert before == {"_id": ObjectId(ada), "role": "USER", "name": "Ada", "idOnTheSource": "x"}
        assert (role_of(database, ada), role_of(database, bob)) == ("ADMIN", "USER")
        user = database.collection("users").find_one({"_id": ObjectId(ada)}) or {}
        assert start - timedelta(minutes=1) < user["updatedAt"] <= start

    def test_that_the_user_has_changes_nothing(
        self, administrators: AdministratorRepository, database: Database
    ) -> None:
        ada = add(database, "ADMIN")
        assert administrators.set_role(ada, "ADMIN")["role"] == "ADMIN"
        assert "updatedAt" not in (database.collection("users").find_one({}) or {})

    @pytest.mark.parametrize("owner", ["nobody", "0" * 24])
    def test_of_nobody_is_none(
        self, administrators: AdministratorRepository, database: Database, owner: str
    ) -> None:
        for change in (
            lambda: administrators.set_role(owner, "USER"),
            lambda: administrators.step_down(owner),
        ):
            with pytest.raises(NotFound):
                change()
        # Nothing is held back.
        assert database.collection("echo_claims").count_documents({}) == 0

    def test_of_the_last_administrator_stays(
        self, administrators: AdministratorRepository, database: Database
    ) -> None:
        ada, bob = add(database, "ADMIN"), add(database, "USER")
        for change in (lambda: administrators.set_role(ada, "USER"), lambda: administrators.step_down(ada)):
            with pytest.raises(LastAdministrator):
                change()
        assert role_of(database, ada) == "ADMIN"
        administrators.set_role(bob, "ADMIN")
        assert administrators.set_role(ada, "TEAM")["role"] == "ADMIN"
        assert (role_of(database, ada), role_of(database, bob)) == ("TEAM", "ADMIN")

    def test_of_an_administrator_without_other_users_goes_with_the_account_alone(
        self, administrators: AdministratorRepository, database: Database
    ) -> None:
        ada = add(database, "ADMIN")
        with pytest.raises(LastAdministrator):
            administrators.set_role(ada, "USER")
        administrators.step_down(ada)
        assert role_of(database, ada) == "USER"

    def test_of_all_administrators_who_go_at_once_stays_one(
        self, administrators: AdministratorRepository, database: Database
    ) -> None:
        everybody = [add(database, "ADMIN") for _ in range(THREADS)]

        def go(number: int) -> bool:
            try:
                administrators.set_role(everybody[number], "USER")
            except LastAdministrator:
                return False
            return True

        assert sorted(together(go)) == [False] + [True] * (THREADS - 1)
        assert database.collection("users").count_documents({"role": "ADMIN"}) == 1


class TestTheClaim:
    def test_of_a_process_that_has_died_is_over_in_a_minute(
        self, administrators: AdministratorRepository, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada, claims, moment = add(database, "USER"), database.collection("echo_claims"), now()
        monkeypatch.setattr(module, "WAIT_SECONDS", 0.0)
        monkeypatch.setattr(module, "now", lambda: moment)
        for seconds, held in ((60, True), (60.001, False)):
            claimed = {"claimedAt": moment - timedelta(seconds=seconds), "holder": ObjectId()}
            claims.replace_one({"_id": "administrators"}, claimed, upsert=True)
            if held:
                with pytest.raises(Unavailable, match=r"^roles of users are being changed all the time$"):
                    administrators.set_role(ada, "TEAM")
                assert role_of(database, ada) == "USER"
                assert claims.find_one({}, {"_id": 0}) == claimed
            else:
                administrators.set_role(ada, "TEAM")
                assert role_of(database, ada) == "TEAM"
        assert claims.count_documents({}) == 0

    def test_of_another_is_left(self, administrators: AdministratorRepository, database: Database) -> None:
        """One whose time is over while its work is not has lost it to whoever took it."""
        claims, other = database.collection("echo_claims"), ObjectId()
        with administrators._alone():
            assert (claims.find_one({"_id": "administrators"}) or {})["claimedAt"] <= now()
            claims.update_one({"_id": "administrators"}, {"$set": {"holder": other}})
        assert [each["holder"] for each in claims.find()] == [other]
