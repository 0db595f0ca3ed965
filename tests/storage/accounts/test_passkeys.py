"""Passkeys of users, and challenges that are each good for once."""

from datetime import timedelta

import pytest
from bson import ObjectId

from storage.accounts import passkeys as module
from storage.accounts.passkeys import ChallengeRepository, NewPasskey, PasskeyRepository
from storage.core.database import Database
from storage.core.errors import Conflict, NotFound, TooMany
from storage.core.repository import now


@pytest.fixture
def passkeys(database: Database) -> PasskeyRepository:
    return PasskeyRepository(database)


@pytest.fixture
def challenges(database: Database) -> ChallengeRepository:
    return ChallengeRepository(database)


def new_passkey(credential_id: str = "", name: str = "Phone") -> NewPasskey:
    return NewPasskey(
        name=name,
        credential_id=credential_id or str(ObjectId()),
        public_key=b"key",
        sign_count=3,
        transports=("usb", "nfc"),
        backed_up=True,
    )


class TestPasskeys:
    def test_lie_as_they_were_proved(self, passkeys: PasskeyRepository, database: Database, ada: str) -> None:
        before = now()
        kept = passkeys.insert(ada, new_passkey("cred"))
        row = database.collection("echo_passkeys").find_one({"user": ObjectId(ada)})
        assert row == kept
        assert before <= kept.pop("createdAt") <= now()
        assert isinstance(kept.pop("_id"), ObjectId)
        assert kept == {
            "user": ObjectId(ada),
            "name": "Phone",
            "credentialId": "cred",
            "publicKey": b"key",
            "signCount": 3,
            "transports": ["usb", "nfc"],
            "backedUp": True,
            "usedAt": None,
        }

    def test_are_listed_from_the_oldest_to_their_user_alone(
        self, passkeys: PasskeyRepository, ada: str, bob: str
    ) -> None:
        for owner, name in ((ada, "first"), (bob, "other"), (ada, "second")):
            passkeys.insert(owner, new_passkey(name=name))
        assert [each["name"] for each in passkeys.list(ada)] == ["first", "second"]

    def test_are_found_by_their_credential_whosever_they_are(
        self, passkeys: PasskeyRepository, ada: str
    ) -> None:
        kept = passkeys.insert(ada, new_passkey("cred"))
        passkeys.insert(ada, new_passkey("other"))
        assert passkeys.find("cred") == kept
        assert passkeys.find("unknown") is None

    def test_that_are_there_are_kept_by_nobody_else(
        self, passkeys: PasskeyRepository, ada: str, bob: str
    ) -> None:
        passkeys.insert(ada, new_passkey("cred"))
        with pytest.raises(Conflict):
            passkeys.insert(bob, new_passkey("cred"))

    def test_are_twenty_of_a_user_at_most(self, passkeys: PasskeyRepository, ada: str, bob: str) -> None:
        for _ in range(20):
            passkeys.insert(ada, new_passkey())
        with pytest.raises(TooMany) as refused:
            passkeys.insert(ada, new_passkey())
        assert (refused.value.kind, refused.value.most) == ("passkeys", 20)
        assert len(passkeys.list(ada)) == 20
        passkeys.insert(bob, new_passkey())

    def test_are_renamed_and_removed_by_their_user_alone(
        self, passkeys: PasskeyRepository, ada: str, bob: str
    ) -> None:
        one = str(passkeys.insert(ada, new_passkey())["_id"])
        other = passkeys.insert(ada, new_passkey(name="Laptop"))
        for stranger, passkey in ((bob, one), (ada, "0" * 24), (ada, "no id"), ("nobody", one)):
            with pytest.raises(NotFound):
                passkeys.rename(stranger, passkey, "mine")
            with pytest.raises(NotFound):
                passkeys.delete(stranger, passkey)
        assert passkeys.rename(ada, one, "Tablet")["name"] == "Tablet"
        assert [each["name"] for each in passkeys.list(ada)] == ["Tablet", "Laptop"]
        passkeys.delete(ada, one)
        assert passkeys.list(ada) == [other]

    def test_of_one_user_all_are_removed(self, passkeys: PasskeyRepository, ada: str, bob: str) -> None:
        for owner in (ada, ada, bob):
            passkeys.insert(owner, new_passkey())
        assert (passkeys.delete_all(ada), passkeys.delete_all(ada)) == (2, 0)
        assert len(passkeys.list(bob)) == 1


class TestTheCounter:
    def test_is_kept_with_the_time_of_the_login(self, passkeys: PasskeyRepository, ada: str) -> None:
        seen, other = passkeys.insert(ada, new_passkey("cred")), passkeys.insert(ada, new_passkey("other"))
        before = now()
        assert passkeys.note_use(seen, 4)
        kept = passkeys.find("cred") or {}
        assert kept["signCount"] == 4
        assert before <= kept["usedAt"] <= now()
        assert passkeys.find("other") == other

    def test_of_two_logins_that_saw_the_same_one_is_kept(self, passkeys: PasskeyRepository, ada: str) -> None:
        seen = passkeys.insert(ada, new_passkey("cred"))
        assert passkeys.note_use(seen, 4)
        assert not passkeys.note_use(seen, 5)
        assert (passkeys.find("cred") or {})["signCount"] == 4

    def test_that_stays_as_it_was_is_kept(self, passkeys: PasskeyRepository, ada: str) -> None:
        """Many devices count nothing: theirs is always 0."""
        seen = passkeys.insert(ada, new_passkey("cred"))
        assert passkeys.note_use(seen, 3)
        assert passkeys.note_use(seen, 3)

    def test_of_one_that_is_gone_or_of_another_user_is_not(
        self, passkeys: PasskeyRepository, ada: str, bob: str
    ) -> None:
        seen = passkeys.insert(ada, new_passkey())
        assert not passkeys.note_use({**seen, "user": ObjectId(bob)}, 4)
        assert not passkeys.note_use({**seen, "_id": ObjectId()}, 4)
        passkeys.delete_all(ada)
        assert not passkeys.note_use(seen, 4)


class TestChallenges:
    def test_are_good_for_once_and_for_whom_they_were_made(
        self, challenges: ChallengeRepository, ada: str, bob: str
    ) -> None:
        challenges.begin("one", b"first", ada)
        challenges.begin("two", b"second", None)
        assert challenges.take("one", bob) is None
        assert challenges.take("one", None) is None
        assert challenges.take("two", ada) is None
        assert challenges.take("three", ada) is None
        assert [challenges.take("one", ada) for _ in range(2)] == [b"first", None]
        assert [challenges.take("two", None) for _ in range(2)] == [b"second", None]

    def test_lie_with_what_they_are_for_and_their_end(
        self, challenges: ChallengeRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = now()
        monkeypatch.setattr(module, "now", lambda: moment)
        challenges.begin("one", b"first", ada)
        challenges.begin("two", b"second", None)
        end = moment + timedelta(minutes=5)
        assert list(database.collection("echo_passkey_challenges").find().sort("_id", 1)) == [
            {
                "_id": "one",
                "purpose": "register",
                "challenge": b"first",
                "expiresAt": end,
                "user": ObjectId(ada),
            },
            {"_id": "two", "purpose": "login", "challenge": b"second", "expiresAt": end, "user": None},
        ]

    def test_are_none_from_their_end(
        self, challenges: ChallengeRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = now()
        for key, seconds in (("one", 299), ("two", 300)):
            monkeypatch.setattr(module, "now", lambda: moment)
            challenges.begin(key, b"x", None)
            monkeypatch.setattr(module, "now", lambda after=seconds: moment + timedelta(seconds=after))
            assert (challenges.take(key, None) is None) == (seconds == 300)

    @pytest.mark.parametrize("collection", ["echo_passkeys", "echo_passkey_challenges"])
    def test_and_passkeys_have_an_index_by_their_user(self, database: Database, collection: str) -> None:
        indexes = database.collection(collection).list_indexes()
        assert {"user": 1} in [dict(each["key"]) for each in indexes]
