"""Accounts, invitations and keys as the operator sees them: everybody's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts.bans import FOR_EVER, BanRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from storage.core.repository import now
from storage.operator.administration import AccountDirectory, Ambiguous, InvitationDirectory, KeyDirectory

SOON = datetime(2099, 1, 1, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)


def add(database: Database, username: str, **fields: Any) -> str:
    user = {
        "_id": ObjectId(),
        "name": username.title(),
        "username": username,
        "email": f"{username}@example.com",
    }
    database.collection("users").insert_one({**user, **fields})
    return str(user["_id"])


class TestAccounts:
    @pytest.fixture
    def accounts(self, database: Database) -> AccountDirectory:
        return AccountDirectory(database)

    def names(self, accounts: AccountDirectory, **wanted: Any) -> list[str]:
        return [user["username"] for user in accounts.accounts(**wanted)]

    def test_are_found_by_address_id_and_username(
        self, accounts: AccountDirectory, database: Database
    ) -> None:
        ada = add(database, "ada", password="x", totpSecret="y", role="USER")
        add(database, "bob")
        for who in (" ADA@example.com ", ada, " Ada "):
            found = accounts.find(who)
            assert str(found["_id"]) == ada
            assert found.keys() == {"_id", "email", "name", "username", "role"}
        for who in ("nobody@example.com", "0" * 24, "nobody", ""):
            with pytest.raises(NotFound):
                accounts.find(who)

    def test_with_an_address_for_a_username_are_found(
        self, accounts: AccountDirectory, database: Database
    ) -> None:
        odd = add(database, "x@y")
        assert str(accounts.find("X@Y")["_id"]) == odd

    def test_of_one_username_are_told_apart_by_whoever_asks(
        self, accounts: AccountDirectory, database: Database
    ) -> None:
        both = [add(database, "ada", email=f"{number}@example.com") for number in range(2)]
        with pytest.raises(Ambiguous) as refused:
            accounts.find("ada")
        assert sorted(refused.value.ids) == both
        assert str(refused.value) == ", ".join(refused.value.ids)

    def test_are_listed_in_the_order_in_which_they_were_made(
        self, accounts: AccountDirectory, database: Database
    ) -> None:
        ids = {name: add(database, name) for name in ("ada", "bob", "cyd")}
        assert self.names(accounts) == ["ada", "bob", "cyd"]
        assert self.names(accounts, after=ids["ada"]) == ["bob", "cyd"]
        assert self.names(accounts, after=ids["ada"], search="ada") == []
        with pytest.raises(NotFound):
            self.names(accounts, after="no id")

    def test_are_searched_by_address_name_and_username(
        self, accounts: AccountDirectory, database: Database
    ) -> None:
        add(database, "ada", name="One")
        add(database, "bob", email="ADA.b@example.com", name="Two")
        add(database, "cyd", name="Three of Adam")
        add(database, "dot", name="x.y")
        assert self.names(accounts, search="ada") == ["ada", "bob", "cyd"]
        assert self.names(accounts, search="x.y") == ["dot"]
        assert self.names(accounts, search="xzy") == []

    def test_without_a_role_are_plain_ones(self, accounts: AccountDirectory, database: Database) -> None:
        add(database, "ada", role="ADMIN")
        add(database, "bob", role="USER")
        add(database, "cyd")
        add(database, "dot", role="TEAM")
        assert self.names(accounts, role="USER") == ["bob", "cyd"]
        assert self.names(accounts, role="ADMIN") == ["ada"]
        counts = {name: accounts.count_of_role(name) for name in ("USER", "ADMIN", "TEAM", "NONE")}
        assert counts == {"USER": 2, "ADMIN": 1, "TEAM": 1, "NONE": 0}

    def test_that_are_banned_are_told_with_the_end(
        self, accounts: AccountDirectory, database: Database
    ) -> None:
        ada, bob, cyd = (add(database, name) for name in ("ada", "bob", "cyd"))
        bans = BanRepository(database)
        bans.ban(ada, until=SOON)
        bans.ban(bob, until=PAST)
        bans.ban(cyd, until=FOR_EVER)
        bans.ban_address("203.0.113.7", until=SOON, kind="logins", points=1, owner=None)
        assert accounts.all_bans() == {ada: SOON, cyd: FOR_EVER}
        assert accounts.bans([ada, bob]) == {ada: SOON}
        assert accounts.bans([]) == {}
        assert self.names(accounts, banned=True) == ["ada", "cyd"]
        assert self.names(accounts, banned=True, after=ada) == ["cyd"]
        assert self.names(accounts, banned=True, search="ada") == ["ada"]

    def test_are_changed_one_at_a_time(self, accounts: AccountDirectory, database: Database) -> None:
        ada = add(database, "ada", role="USER", password="x")
        add(database, "bob", role="USER", password="x")
        before = now()
        accounts.set_password(ada, "hash")
        accounts.set_role(ada, "TEAM")
        users = {user["username"]: user for user in database.collection("users").find()}
        assert (users["ada"]["password"], users["ada"]["role"]) == ("hash", "TEAM")
        assert before <= users["ada"]["updatedAt"] <= now()
        assert (users["bob"]["password"], users["bob"]["role"], "updatedAt" in users["bob"]) == (
            "x",
            "USER",
            False,
        )
        for owner in ("nobody", "0" * 24):
            with pytest.raises(NotFound):
                accounts.set_role(owner, "TEAM")

    def test_the_last_administrator_is_known(self, accounts: AccountDirectory, database: Database) -> None:
        ada, bob = add(database, "ada", role="ADMIN"), add(database, "bob", role="USER")
        assert (accounts.is_last_administrator(ada), accounts.is_last_administrator(bob)) == (True, False)
        add(database, "cyd", role="ADMIN")
        assert not accounts.is_last_administrator(ada)

    def test_roles_are_those_that_always_are_and_those_that_were_made(
        self, accounts: AccountDirectory, database: Database
    ) -> None:
        assert accounts.roles() == ["ADMIN", "USER"]
        database.collection("roles").insert_many([{"name": "TEAM"}, {"name": "USER"}, {"name": 7}])
        assert accounts.roles() == ["ADMIN", "TEAM", "USER"]


class TestInvitations:
    @pytest.fixture
    def invitations(self, database: Database) -> InvitationDirectory:
        return InvitationDirectory(database)

    def test_lie_as_librechats_do(self, invitations: InvitationDirectory, database: Database) -> None:
        before = now()
        made = invitations.create(email="ada@example.com", token_hash="h", expires_at=SOON, role="TEAM")
        [row] = database.collection("tokens").find()
        assert row == made
        assert before <= row.pop("createdAt") <= now()
        assert isinstance(row.pop("userId"), ObjectId)
        del row["_id"]
        assert row == {
            "email": "ada@example.com",
            "type": "invite",
            "token": "h",
            "expiresAt": SOON,
            "metadata": {"role": "TEAM"},
            "__v": 0,
        }
        assert "metadata" not in invitations.create(email="b@example.com", token_hash="h", expires_at=SOON)

    def test_are_listed_the_last_first_without_their_tokens(self, invitations: InvitationDirectory) -> None:
        for email, end in (("first", SOON), ("ended", PAST), ("second", SOON)):
            invitations.create(email=email, token_hash="h", expires_at=end, role="TEAM")
        listed = invitations.list()
        assert [each["email"] for each in listed] == ["second", "first"]
        assert all(each.keys() == {"_id", "email", "createdAt", "expiresAt", "metadata"} for each in listed)

    def test_are_revoked_once(self, invitations: InvitationDirectory, database: Database) -> None:
        one, ended = (
            str(invitations.create(email="a", token_hash="h", expires_at=end)["_id"]) for end in (SOON, PAST)
        )
        reset = database.collection("tokens").insert_one({"type": "password_reset", "expiresAt": SOON})
        revoked = invitations.revoke(one)
        assert (str(revoked["_id"]), revoked["email"], "token" in revoked) == (one, "a", False)
        for gone in (one, ended, str(reset.inserted_id), "no id", "0" * 24):
            with pytest.raises(NotFound):
                invitations.revoke(gone)
        assert database.collection("tokens").count_documents({}) == 2


class TestKeys:
    @pytest.fixture
    def keys(self, database: Database) -> KeyDirectory:
        return KeyDirectory(database)

    def key(self, database: Database, owner: str, prefix: str) -> str:
        row = {"userId": ObjectId(owner), "keyHash": str(ObjectId()), "keyPrefix": prefix, "name": prefix}
        return str(database.collection("agentapikeys").insert_one(row).inserted_id)

    def test_are_listed_with_their_users_address_and_without_hashes(
        self, keys: KeyDirectory, database: Database
    ) -> None:
        ada, bob, gone = add(database, "ada"), add(database, "bob"), str(ObjectId())
        for owner, prefix in ((ada, "sk-1"), (bob, "sk-2"), (gone, "sk-3"), (ada, "sk-4")):
            self.key(database, owner, prefix)
        listed = [(key["name"], key["email"], "keyHash" in key) for key in keys.keys(None)]
        assert listed == [
            ("sk-1", "ada@example.com", False),
            ("sk-2", "bob@example.com", False),
            ("sk-3", None, False),
            ("sk-4", "ada@example.com", False),
        ]
        assert [key["name"] for key in keys.keys(ada)] == ["sk-1", "sk-4"]
        with pytest.raises(NotFound):
            list(keys.keys("no id"))

    def test_are_found_by_their_id_or_how_they_begin(self, keys: KeyDirectory, database: Database) -> None:
        ada = add(database, "ada")
        one, other = self.key(database, ada, "sk-12"), self.key(database, ada, "sk-1.")
        for which, found in ((one, one), ("sk-12", one), ("sk-1.", other)):
            key = keys.find(which)
            assert (str(key["_id"]), key["email"], "keyHash" in key) == (found, "ada@example.com", False)
        with pytest.raises(Ambiguous) as refused:
            keys.find("sk-1")
        assert sorted(refused.value.ids) == [one, other]
        for which in ("", "k-1", "sk-123", "0" * 24):
            with pytest.raises(NotFound):
                keys.find(which)

    def test_that_begin_alike_are_named_ten_at_most(self, keys: KeyDirectory, database: Database) -> None:
        for _ in range(11):
            self.key(database, str(ObjectId()), "sk-1")
        with pytest.raises(Ambiguous) as refused:
            keys.find("sk-1")
        assert len(refused.value.ids) == 10


def test_invitations_end_at_their_time(database: Database) -> None:
    invitations = InvitationDirectory(database)
    invitations.create(email="a", token_hash="h", expires_at=now() - timedelta(milliseconds=1))
    assert invitations.list() == []
