"""The outbox: each mail goes to one worker at a time, and none is lost with the worker that had it."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from storage.accounts import mails as module
from storage.accounts.mails import Mail, MailRepository
from storage.core.database import Database
from storage.core.errors import TooMany
from storage.core.repository import now
from tests.support.threads import THREADS, together

ADA = "ada@example.com"


@pytest.fixture
def mails(database: Database) -> MailRepository:
    return MailRepository(database)


def rows(database: Database) -> list[dict[str, object]]:
    return list(database.collection("echo_mails").find())


def make_due(database: Database, field: str = "due") -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    database.collection("echo_mails").update_many({}, {"$set": {field: past}})


class TestOutbox:
    def test_holds_nothing_but_what_to_write_and_to_whom(
        self, mails: MailRepository, database: Database
    ) -> None:
        mails.put("password_reset", ADA)
        [row] = rows(database)
        assert row.keys() == {
            "_id",
            "kind",
            "to",
            "owner",
            "mark",
            "attempts",
            "due",
            "createdAt",
            "expiresAt",
        }
        assert isinstance(row["_id"], ObjectId)

    def test_a_mail_is_taken_once_until_its_time_is_up(
        self, mails: MailRepository, database: Database
    ) -> None:
        mails.put("password_reset", ADA)
        first = mails.take()
        assert first == Mail(rows(database)[0]["_id"], "password_reset", ADA, None, 1)
        assert mails.take() is None
        # The worker that had it is gone.
        make_due(database)
        again = mails.take()
        assert again is not None
        assert again.attempts == 2
        mails.done(again)
        assert rows(database) == []

    def test_of_many_workers_one_gets_it(self, mails: MailRepository) -> None:
        mails.put("password_reset", ADA)
        taken = together(lambda _: mails.take())
        assert len(taken) == THREADS
        assert sum(mail is not None for mail in taken) == 1

    def test_says_for_whom_and_by_which_password_it_was_asked_for_and_when(
        self, mails: MailRepository, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = now()
        monkeypatch.setattr(module, "now", lambda: moment)
        mails.put("email_change", ADA, owner="o", mark="m")
        [row] = rows(database)
        del row["_id"]
        assert row == {
            "kind": "email_change",
            "to": ADA,
            "owner": "o",
            "mark": "m",
            "attempts": 0,
            "due": moment,
            "createdAt": moment,
            "expiresAt": moment + timedelta(hours=6),
        }
        mail = mails.take()
        assert mail is not None
        assert (mail.owner, mail.mark) == ("o", "m")

    def test_waits_once_for_each_owner_and_password(self, mails: MailRepository, database: Database) -> None:
        for owner, mark in (("o", "m"), ("o", "n"), ("p", "m"), ("o", None), (None, None), ("o", "m")):
            mails.put("a", ADA, owner=owner, mark=mark, once=True)
        assert len(rows(database)) == 5

    def test_is_put_off_and_kept_alone(
        self, mails: MailRepository, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = now()
        monkeypatch.setattr(module, "now", lambda: moment)
        for kind in ("a", "b", "c"):
            mails.put(kind, ADA)
        taken = {mail.kind: mail for mail in (mails.take(), mails.take(), mails.take()) if mail}
        mails.postpone(taken["a"], timedelta(minutes=1))
        mails.keep(taken["b"], timedelta(hours=1))
        mails.done(taken["c"])
        found = {row["kind"]: (row["due"], row["expiresAt"]) for row in rows(database)}
        end, sent = moment + timedelta(hours=6), moment + timedelta(hours=1)
        assert found == {"a": (moment + timedelta(minutes=1), end), "b": (sent, sent)}

    def test_waits_once_of_a_kind_for_an_address(self, mails: MailRepository, database: Database) -> None:
        for kind, to in (("a", ADA), ("a", ADA), ("b", ADA), ("a", "bob@example.com")):
            mails.put(kind, to, once=True)
        assert len(rows(database)) == 3
        for _ in range(2):
            mails.put("notice", ADA)
        assert len(rows(database)) == 5

    def test_a_mail_that_is_sent_may_stay_to_keep_the_next_away(
        self, mails: MailRepository, database: Database
    ) -> None:
        mails.put("a", ADA, once=True)
        mail = mails.take()
        assert mail is not None
        mails.keep(mail, timedelta(hours=1))
        mails.put("a", ADA, once=True)
        assert len(rows(database)) == 1
        make_due(database)
        make_due(database, "expiresAt")
        assert mails.take() is None

    def test_the_oldest_comes_first_and_those_put_off_later(self, mails: MailRepository) -> None:
        mails.put("a", ADA)
        mails.put("b", ADA)
        first = mails.take()
        assert first is not None
        assert first.kind == "a"
        mails.postpone(first, timedelta(0))
        second = mails.take()
        assert second is not None
        mails.postpone(second, timedelta(minutes=1))
        third = mails.take()
        assert third is not None
        assert (second.kind, third.kind, third.attempts) == ("b", "a", 2)
        assert mails.take() is None

    def test_is_bounded(self, mails: MailRepository, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MOST", 2)
        mails.put("a", ADA)
        mails.put("a", ADA)
        with pytest.raises(TooMany) as refused:
            mails.put("a", ADA)
        assert (refused.value.kind, refused.value.most) == ("waiting mails", 2)
