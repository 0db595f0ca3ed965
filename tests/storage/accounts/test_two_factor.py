"""The second factor's fields, and codes that were used."""

from datetime import timedelta

import pytest

from storage.accounts.two_factor import StoredFactor, TwoFactorRepository, UsedCodeRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from storage.core.repository import now
from tests.support.chats import new_owner
from tests.support.threads import together

NOTHING = StoredFactor(enabled=False, secret=None, pending_secret=None, pending_codes=())


@pytest.fixture
def factors(database: Database) -> TwoFactorRepository:
    return TwoFactorRepository(database)


@pytest.fixture
def used_codes(database: Database) -> UsedCodeRepository:
    return UsedCodeRepository(database)


def new_user(database: Database, name: str = "ada") -> str:
    email = f"{name}@example.com"
    return str(
        UserRepository(database).create(name=name, email=email, username=name, password_hash="x")["_id"]
    )


class TestSettingItUp:
    def test_a_new_user_has_none(self, factors: TwoFactorRepository, database: Database) -> None:
        assert factors.get(new_user(database)) == NOTHING

    def test_what_waits_is_not_in_force(self, factors: TwoFactorRepository, database: Database) -> None:
        ada, bob = new_user(database), new_user(database, "bob")
        factors.begin(ada, secret="s", code_hashes=["a", "b"])
        assert factors.get(ada) == StoredFactor(
            enabled=False, secret=None, pending_secret="s", pending_codes=("a", "b")
        )
        assert factors.get(bob) == NOTHING
        assert not factors.use_backup_code(ada, "a")

    def test_confirmed_it_is(self, factors: TwoFactorRepository, database: Database) -> None:
        ada = new_user(database)
        factors.begin(ada, secret="s", code_hashes=["a"])
        assert factors.confirm(ada, secret="s", code_hashes=["a"])
        assert factors.get(ada) == StoredFactor(
            enabled=True, secret="s", pending_secret=None, pending_codes=()
        )
        assert not factors.confirm(ada, secret="s", code_hashes=["a"]), "nothing waits any more"

    def test_only_what_waits_can_be_confirmed(self, factors: TwoFactorRepository, database: Database) -> None:
        ada, bob = new_user(database), new_user(database, "bob")
        factors.begin(ada, secret="first", code_hashes=[])
        factors.begin(ada, secret="second", code_hashes=[])
        assert not factors.confirm(ada, secret="first", code_hashes=[])
        assert not factors.confirm(bob, secret="second", code_hashes=[])
        assert factors.get(bob) == NOTHING

    def test_disabled_nothing_is_left(self, factors: TwoFactorRepository, database: Database) -> None:
        ada = new_user(database)
        factors.begin(ada, secret="s", code_hashes=["a"])
        factors.confirm(ada, secret="s", code_hashes=["a"])
        factors.begin(ada, secret="t", code_hashes=["b"])
        factors.disable(ada)
        assert factors.get(ada) == NOTHING

    @pytest.mark.parametrize("owner", ["", "x", "0" * 24])
    def test_of_nobody(self, factors: TwoFactorRepository, owner: str) -> None:
        with pytest.raises(NotFound):
            factors.get(owner)

    def test_of_nobody_nothing_is_changed(self, factors: TwoFactorRepository) -> None:
        assert not factors.begin("0" * 24, secret="s", code_hashes=[])
        assert not factors.disable("0" * 24)

    def test_without_proof_one_that_is_in_force_meanwhile_stays(
        self, factors: TwoFactorRepository, database: Database
    ) -> None:
        ada = new_user(database)
        assert factors.begin(ada, secret="s", code_hashes=["a"], proven=False)
        assert factors.disable(ada, proven=False)
        assert factors.begin(ada, secret="t", code_hashes=["b"], proven=False)
        assert factors.confirm(ada, secret="t", code_hashes=["b"])
        # By a session that found it off before the confirmation.
        assert not factors.begin(ada, secret="thief's", code_hashes=["c"], proven=False)
        assert not factors.disable(ada, proven=False)
        assert factors.get(ada) == StoredFactor(
            enabled=True, secret="t", pending_secret=None, pending_codes=()
        )
        assert factors.use_backup_code(ada, "b")


class TestBackupCodes:
    @pytest.fixture
    def ada(self, factors: TwoFactorRepository, database: Database) -> str:
        owner = new_user(database)
        factors.begin(owner, secret="s", code_hashes=["a", "b"])
        factors.confirm(owner, secret="s", code_hashes=["a", "b"])
        return owner

    def test_each_is_good_for_once(self, factors: TwoFactorRepository, ada: str) -> None:
        assert factors.has_backup_code(ada, "a")
        assert [factors.use_backup_code(ada, each) for each in "aabx"] == [True, False, True, False]
        assert not factors.has_backup_code(ada, "a")

    def test_of_many_who_use_it_at_once_one_does(self, factors: TwoFactorRepository, ada: str) -> None:
        assert together(lambda _: factors.use_backup_code(ada, "a")).count(True) == 1

    def test_are_not_anothers(self, factors: TwoFactorRepository, database: Database, ada: str) -> None:
        bob = new_user(database, "bob")
        assert not factors.has_backup_code(bob, "a")
        assert not factors.use_backup_code(bob, "a")
        assert factors.has_backup_code(ada, "a")

    def test_new_ones_replace_all(self, factors: TwoFactorRepository, ada: str) -> None:
        factors.use_backup_code(ada, "a")
        stored = factors.replace_backup_codes(ada, ["a", "c"])
        assert stored == [{"codeHash": each, "used": False, "usedAt": None} for each in "ac"]
        assert [factors.has_backup_code(ada, each) for each in "abc"] == [True, False, True]

    def test_where_it_is_off_there_are_none(self, factors: TwoFactorRepository, ada: str) -> None:
        factors.disable(ada)
        assert factors.replace_backup_codes(ada, ["a"]) is None
        assert not factors.has_backup_code(ada, "a")


class TestUsedCodes:
    def test_each_is_good_for_once(self, used_codes: UsedCodeRepository) -> None:
        ada, bob = new_owner(), new_owner()
        assert used_codes.use(ada, secret="s", step=7)
        assert not used_codes.use(ada, secret="s", step=7)
        assert used_codes.use(ada, secret="s", step=8)
        assert used_codes.use(ada, secret="t", step=7)
        assert used_codes.use(bob, secret="s", step=7)

    def test_of_many_who_use_it_at_once_one_does(self, used_codes: UsedCodeRepository) -> None:
        ada = new_owner()
        assert together(lambda _: used_codes.use(ada, secret="s", step=1)).count(True) == 1

    def test_tell_nothing_of_the_secret_and_go_by_themselves(
        self, used_codes: UsedCodeRepository, database: Database
    ) -> None:
        used_codes.use(new_owner(), secret="the-secret", step=1)
        collection = database.collection("echo_used_codes")
        [stored] = collection.find()
        assert "the-secret" not in repr(stored)
        # A code is good for a step before and after its own: a minute and a half.
        assert stored["expiresAt"] > now() + timedelta(minutes=5)
        [index] = [each for each in collection.list_indexes() if "expireAfterSeconds" in each]
        assert (dict(index["key"]), index["expireAfterSeconds"]) == ({"expiresAt": 1}, 0)
