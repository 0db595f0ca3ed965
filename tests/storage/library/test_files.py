"""File records: an owner's own."""

import uuid
from datetime import UTC, datetime

import pytest
from bson import ObjectId

from storage.core.database import Database, Document
from storage.core.errors import InvalidDocument, NotFound
from storage.library.files import FileRepository
from tests.support.chats import new_owner
from tests.support.threads import THREADS, together

IMPOSSIBLE_IDS = ["", "nothing", "\0", "0b0e5c2e-6f0e-4f1b-9f4b-0b6f0f6f2a10"]


@pytest.fixture
def files(database: Database) -> FileRepository:
    return FileRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def record(**fields: object) -> Document:
    return {"file_id": str(uuid.uuid4()), "filename": "note.txt", "bytes": 5, "type": "text/plain", **fields}


class TestInsert:
    def test_stores_what_librechat_reads(self, files: FileRepository, owner: str, database: Database) -> None:
        given = record()
        made = files.insert(owner, given)
        assert given.items() <= made.items()
        assert made["user"] == ObjectId(owner)
        # LibreChat's mark for removal after an hour.
        assert "expiresAt" not in made
        assert database.collection("files").find_one({"_id": made["_id"]}) == made

    def test_belongs_to_the_caller_whatever_the_record_says(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record(user=ObjectId(), createdAt=None))
        assert made["user"] == ObjectId(owner)
        assert made["createdAt"] is not None

    @pytest.mark.parametrize("name", ["\ud800.txt", "x" * 17_000_000], ids=["surrogate", "size"])
    def test_what_mongodb_refuses_is_said_and_not_stored(
        self, files: FileRepository, owner: str, name: str
    ) -> None:
        with pytest.raises(InvalidDocument):
            files.insert(owner, record(filename=name))
        assert list(files.list(owner).documents()) == []


class TestOfCode:
    @staticmethod
    def ref(file_id: str) -> Document:
        return {"codeEnvRef": {"storage_session_id": "s", "file_id": file_id}}

    def test_of_one_name_the_newest_is_the_one(self, files: FileRepository, owner: str) -> None:
        conversation = str(uuid.uuid4())
        made = [files.insert_made(owner, conversation, record()) for _ in range(3)]
        found = [files.get(owner, each["file_id"]) for each in made]
        assert [each["context"] for each in found] == ["message_attachment"] * 2 + ["execute_code"]
        assert {each["conversationId"] for each in found} == {conversation}
        elsewhere = files.insert_made(owner, str(uuid.uuid4()), record())
        assert files.get(owner, found[2]["file_id"])["context"] == elsewhere["context"] == "execute_code"

    def test_each_is_kept_when_several_come_at_once(
        self, files: FileRepository, owner: str, database: Database
    ) -> None:
        conversation = str(uuid.uuid4())
        together(lambda _: files.insert_made(owner, conversation, record()))
        rows = list(database.collection("files").find({"conversationId": conversation}))
        assert len(rows) == THREADS
        assert [each["context"] for each in rows].count("execute_code") <= 1

    def test_where_others_take_the_name_it_is_one_of_the_answer_only(
        self, files: FileRepository, owner: str
    ) -> None:
        conversation, other = str(uuid.uuid4()), new_owner()
        theirs = files.insert_made(other, conversation, record())
        made = files.insert_made(owner, conversation, record())
        assert files.get(owner, made["file_id"])["context"] == "message_attachment"
        assert files.get(other, theirs["file_id"])["context"] == "execute_code"

    def test_is_found_by_the_services_names_and_by_its_owner(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record(metadata=self.ref("f")))
        assert files.find_made(owner, "s", "f")["_id"] == made["_id"]
        for who, session, file_id in ((new_owner(), "s", "f"), (owner, "t", "f"), (owner, "s", "g")):
            with pytest.raises(NotFound):
                files.find_made(who, session, file_id)

    def test_metadata_are_noted_for_the_owner(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record(metadata=None))
        files.note_metadata(new_owner(), made["file_id"], {"x": 1})
        assert files.get(owner, made["file_id"])["metadata"] is None
        files.note_metadata(owner, made["file_id"], self.ref("f"))
        assert files.get(owner, made["file_id"])["metadata"] == self.ref("f")

    def test_only_what_the_service_has_is_for_code(self, files: FileRepository, owner: str) -> None:
        kinds: list[Document] = [self.ref("f"), {"fileIdentifier": "s/f"}, {}]
        ids = [files.insert(owner, record(metadata=each, text="long"))["file_id"] for each in kinds]
        others = files.insert(new_owner(), record(metadata=self.ref("f")))["file_id"]
        found = files.for_code(owner, [*reversed(ids), others, "nothing"])
        assert [each["file_id"] for each in found] == [ids[1], ids[0]]
        assert not any("text" in each for each in found)
        assert files.for_code(owner, []) == []


class TestList:
    def test_the_last_first_ties_included(
        self, files: FileRepository, owner: str, database: Database
    ) -> None:
        made = [files.insert(owner, record(filename=str(number))) for number in range(9)]
        database.collection("files").update_many({}, {"$set": {"updatedAt": made[0]["updatedAt"]}})
        names = [found["filename"] for found in list(files.list(owner).documents())]
        assert names == [str(number) for number in reversed(range(9))]

    def test_leaves_whole_contents_out(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record(text="a whole book"))
        assert "text" not in next(files.list(owner).documents())
        assert files.get(owner, made["file_id"])["text"] == "a whole book"

    def test_nobody_elses(self, files: FileRepository, owner: str) -> None:
        files.insert(new_owner(), record())
        assert list(files.list(owner).documents()) == []


class TestGet:
    def test_gives_the_record(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record())
        assert files.get(owner, made["file_id"]) == made

    def test_not_another_owners(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record())
        with pytest.raises(NotFound):
            files.get(new_owner(), made["file_id"])

    @pytest.mark.parametrize("file_id", IMPOSSIBLE_IDS)
    def test_an_unknown_or_impossible_id_is_not_found(
        self, files: FileRepository, owner: str, file_id: str
    ) -> None:
        files.insert(owner, record())
        with pytest.raises(NotFound):
            files.get(owner, file_id)

    def test_an_impossible_owner_is_not_found(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record())
        with pytest.raises(NotFound):
            files.get("nobody", made["file_id"])


class TestUse:
    def test_ends_librechats_mark_for_removal(
        self, files: FileRepository, owner: str, database: Database
    ) -> None:
        marked = {"usage": 2, "expiresAt": datetime.now(UTC), "temp_file_id": "t"}
        used, other = (files.insert(owner, record(**marked)) for _ in range(2))
        files.use(owner, [used["file_id"], "nothing"])
        after = files.get(owner, used["file_id"])
        assert after["usage"] == 3
        assert not {"expiresAt", "temp_file_id"} & after.keys()
        assert after["updatedAt"] >= used["updatedAt"]
        assert files.get(owner, other["file_id"]).keys() == other.keys()

    def test_not_of_another_owners(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record(expiresAt=datetime(2030, 1, 1, tzinfo=UTC)))
        files.use(new_owner(), [made["file_id"]])
        assert files.get(owner, made["file_id"]) == made


class TestOwned:
    def test_are_those_of_the_ids_that_are_the_owners(self, files: FileRepository, owner: str) -> None:
        own, other = (files.insert(owner, record())["file_id"] for _ in range(2))
        his = files.insert(new_owner(), record())["file_id"]
        assert files.owned(owner, {own, his, "nothing"}) == {own}
        assert files.owned(owner, [own, other]) == {own, other}
        assert files.owned(owner, []) == set()

    def test_find_gives_it_or_none(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record())
        assert files.find(owner, made["file_id"]) == made
        assert files.find(new_owner(), made["file_id"]) is None
        assert files.find(owner, "nothing") is None


class TestOfAgent:
    def test_in_this_order_whoever_owns_them(self, files: FileRepository, owner: str) -> None:
        first, second, _ = (files.insert(each, record(text="x")) for each in (owner, new_owner(), owner))
        ids = [second["file_id"], "nothing", first["file_id"]]
        assert files.of_agent(ids) == [second, first]
        assert files.of_agent([]) == []

    def test_listed_the_last_changed_first_without_contents(
        self, files: FileRepository, owner: str, database: Database
    ) -> None:
        made = [files.insert(owner, record(filename=name, text="long")) for name in "abc"]
        newest = datetime(2030, 1, 1, tzinfo=UTC)
        database.collection("files").update_one({"filename": "a"}, {"$set": {"updatedAt": newest}})
        older = datetime(2020, 1, 1, tzinfo=UTC)
        database.collection("files").update_many({"filename": {"$ne": "a"}}, {"$set": {"updatedAt": older}})
        listed = list(files.of_agent_listed([each["file_id"] for each in made]).documents())
        assert [each["filename"] for each in listed] == ["a", "c", "b"]
        assert not any("text" in each for each in listed)
        assert len(list(files.of_agent_listed([made[0]["file_id"]]).documents())) == 1


class TestHold:
    def test_keeps_uploads_that_no_message_has(
        self, files: FileRepository, owner: str, database: Database
    ) -> None:
        came, soon, late = (datetime(2030, 1, 1, hour, tzinfo=UTC) for hour in (0, 1, 9))
        marks = {"soon": soon, "late": late, "never": None}
        ids = {
            name: files.insert(owner, record(filename=name, expiresAt=moment))["file_id"]
            for name, moment in marks.items()
        }
        his = files.insert(new_owner(), record(expiresAt=soon))["file_id"]
        other = files.insert(owner, record(expiresAt=soon))["file_id"]
        rows = database.collection("files")
        rows.update_many({}, {"$set": {"createdAt": came}})
        assert files.hold(owner, [*ids.values(), his, "nothing"], 7200.5) == 2
        until = {each["file_id"]: each["expiresAt"] for each in rows.find()}
        assert until == {
            ids["soon"]: datetime(2030, 1, 1, 2, 0, 0, 500000, tzinfo=UTC),
            ids["late"]: late,
            ids["never"]: None,
            his: soon,
            other: soon,
        }


class TestNoteStatus:
    def test_of_one_that_has_a_status(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record(status="pending"))
        other, without = files.insert(owner, record(status="pending")), files.insert(owner, record())
        files.note_status(new_owner(), made["file_id"], "failed")
        assert files.get(owner, made["file_id"])["status"] == "pending"
        for each in (made, without):
            files.note_status(owner, each["file_id"], "ready")
        assert files.get(owner, made["file_id"])["status"] == "ready"
        assert files.get(owner, other["file_id"])["status"] == "pending"
        assert files.get(owner, without["file_id"]) == without


class TestDelete:
    def test_gives_what_it_was_once(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record())
        assert files.delete(owner, made["file_id"]) == made
        assert files.delete(owner, made["file_id"]) is None

    def test_of_eight_at_once_one_gets_it(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record())
        outcomes = together(lambda number: files.delete(owner, made["file_id"]))
        assert outcomes.count(made) == 1
        assert outcomes.count(None) == THREADS - 1

    def test_not_another_owners(self, files: FileRepository, owner: str) -> None:
        made = files.insert(owner, record())
        assert files.delete(new_owner(), made["file_id"]) is None
        assert files.get(owner, made["file_id"]) == made
