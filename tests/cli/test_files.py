"""`echo-api files`: moving what is kept, there and back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.files.store import FileStore
from tests.cli.conftest import CommandLine
from tests.files import samples
from tests.files.samples import upload
from tests.support.clouds import S3Server

Stored = MongoDatabase[dict[str, Any]]


@pytest.fixture
def in_reach(environ: dict[str, str], s3: S3Server) -> CommandLine:
    """The command line with a bucket."""
    return CommandLine({**environ, **s3.environ})


def keep(data_dir: Path, stored: Stored, owner: ObjectId) -> list[dict[str, Any]]:
    """A document, a picture and a file of a skill, with their records."""
    store = FileStore(data_dir / "files", max_bytes=1_000_000, max_pixels=10_000)
    text = store.save(str(owner), upload(b"some words\n", "a.txt"))
    picture = store.save(str(owner), upload(samples.picture("PNG"), "b.png"), image=True)
    skill = store.save(str(owner), upload(b"print(1)\n", "c.py"))
    stored.files.insert_many([{**each.record, "user": owner} for each in (text, picture)])
    stored.skillfiles.insert_one(
        {"author": owner, "mimeType": "text/x-python", **skill.record, "relativePath": "c.py"}
    )
    return [*stored.files.find(), *stored.skillfiles.find()]


def places(stored: Stored) -> set[str]:
    return {each["source"] for each in (*stored.files.find(), *stored.skillfiles.find())}


@dataclass(frozen=True)
class Drawn:
    """A user with a picture, an agent with one that another user drew, and an assistant's, on the disk."""

    stored: Stored
    user: ObjectId
    maker: ObjectId
    names: tuple[str, str, str]

    def says(self) -> list[Any]:
        """What their documents say of where the pictures are."""
        user = self.stored.users.find_one({"_id": self.user}) or {}
        agent = self.stored.agents.find_one({"id": "agent_x"}) or {}
        assistant = self.stored.assistants.find_one({"user": self.user}) or {}
        of_versions = [each.get("avatar") for each in agent["versions"]]
        return [user["avatar"], agent["avatar"], *of_versions, assistant["avatar"]]

    def keys(self) -> list[str]:
        """Where they are in a service."""
        owners = (self.user, self.maker, self.user)
        return [f"images/{owner}/{name}" for owner, name in zip(owners, self.names, strict=True)]


@pytest.fixture
def drawn(data_dir: Path, stored: Stored) -> Iterator[Drawn]:
    user, maker = ObjectId(), ObjectId()
    names = ("avatar-1.png", "agent-agent_x-avatar-2.png", "img-3.png")
    store = FileStore(data_dir / "files", max_bytes=1_000_000, max_pixels=10_000)
    for owner, name in zip((user, maker, user), names, strict=True):
        store.keep_picture(str(owner), name, b"png " + name.encode())
    shown = {"filepath": f"/images/{maker}/{names[1]}", "source": "local"}
    stored.users.insert_one({"_id": user, "email": "a", "avatar": f"/images/{user}/{names[0]}?manual=true"})
    stored.users.insert_one({"email": "b", "avatar": "https://people.example/images/one.png"})
    stored.agents.insert_one(
        {"id": "agent_x", "author": user, "avatar": shown, "versions": [{"name": "first"}, {"avatar": shown}]}
    )
    stored.assistants.insert_one(
        {"user": user, "avatar": {"filepath": f"/images/{user}/{names[2]}", "source": "local"}}
    )
    yield Drawn(stored, user, maker, names)
    for owner in (user, maker):
        store.delete_all(str(owner))


class TestPictures:
    def test_go_with_the_files_and_come_back(
        self, in_reach: CommandLine, drawn: Drawn, data_dir: Path, s3: S3Server
    ) -> None:
        before, keys = drawn.says(), drawn.keys()
        counted = in_reach.json("files", "move", "--to", "s3", "--dry-run")
        assert counted == {"to": "s3", "to_be_moved": 0, "pictures_to_be_moved": 3}
        moved = in_reach.json("files", "move", "--to", "s3")
        assert moved == {"to": "s3", "moved": 0, "pictures_moved": 3, "missing": 0, "not_moved": 0}
        of_agent = {"filepath": f"/{keys[1]}", "source": "s3"}
        of_assistant = {"filepath": f"/{keys[2]}", "source": "s3"}
        # An address in S3 ends with its key.
        assert drawn.says() == [f"/{keys[0]}", of_agent, None, of_agent, of_assistant]
        assert [s3.get(key).content for key in keys] == [b"png " + each.encode() for each in drawn.names]
        assert samples.files_below(data_dir / "files") == []
        assert in_reach.json("files", "move", "--to", "s3")["pictures_moved"] == 0
        assert in_reach.json("files", "move", "--to", "local")["pictures_moved"] == 3
        assert drawn.says() == [f"/{keys[0]}", *before[1:]]
        assert samples.files_below(data_dir / "files") == sorted(keys)
        assert not set(keys) & set(s3.listed())

    def test_of_a_run_that_was_cut_short_are_brought_to_an_end(
        self, in_reach: CommandLine, drawn: Drawn, data_dir: Path, s3: S3Server
    ) -> None:
        """One was half copied; one is where it goes, and neither was its document told nor the old one removed."""
        user, agent, _ = drawn.keys()
        s3.put(user, b"half")
        s3.put(agent, b"png agent-agent_x-avatar-2.png")
        (data_dir / "files" / agent).unlink()
        assert in_reach.json("files", "move", "--to", "s3")["pictures_moved"] == 3
        assert s3.get(user).content == b"png avatar-1.png"
        assert drawn.says()[1]["source"] == "s3"

    def test_that_are_not_its_own_no_document_moves(
        self, in_reach: CommandLine, drawn: Drawn, stored: Stored
    ) -> None:
        of_another = f"/{drawn.keys()[0]}"
        stored.users.insert_one({"email": "c", "avatar": of_another})
        stored.agents.insert_one({"id": "agent_y", "avatar": {"filepath": of_another, "source": "local"}})
        stored.agents.insert_one(
            {"id": "agent_z", "avatar": {"filepath": f"/uploads/{drawn.user}/a", "source": "local"}}
        )
        assert in_reach.json("files", "move", "--to", "s3")["pictures_moved"] == 3
        assert stored.agents.find_one({"id": "agent_y"})["avatar"]["filepath"] == of_another  # type: ignore[index]

    def test_that_are_lost_are_counted(self, in_reach: CommandLine, drawn: Drawn, data_dir: Path) -> None:
        (data_dir / "files" / drawn.keys()[0]).unlink()
        result = in_reach.run("files", "move", "--to", "s3", code=1)
        assert "pictures_moved  2" in result.stdout
        assert "missing         1" in result.stdout
        assert drawn.says()[0] == f"/{drawn.keys()[0]}?manual=true"


class TestMove:
    def test_brings_files_to_the_service_and_back(
        self, in_reach: CommandLine, stored: Stored, data_dir: Path, s3: S3Server
    ) -> None:
        owner = ObjectId()
        before = keep(data_dir, stored, owner)
        counted = in_reach.json("files", "move", "--to", "s3", "--dry-run")
        assert counted == {"to": "s3", "to_be_moved": 3, "pictures_to_be_moved": 0}
        assert places(stored) == {"local"}
        moved = in_reach.json("files", "move", "--to", "s3")
        assert moved == {"to": "s3", "moved": 3, "pictures_moved": 0, "missing": 0, "not_moved": 0}
        assert places(stored) == {"s3"}
        assert samples.files_below(data_dir / "files") == []
        for record in (*stored.files.find(), *stored.skillfiles.find()):
            assert record["storageKey"] == record["filepath"][1:]
            assert len(s3.get(record["storageKey"]).content) == record["bytes"]
        assert in_reach.json("files", "move", "--to", "s3")["moved"] == 0
        assert in_reach.json("files", "move", "--to", "local")["moved"] == 3
        assert [key for key in s3.listed() if str(owner) in key] == []
        assert [*stored.files.find(), *stored.skillfiles.find()] == before
        for record in before:
            assert (data_dir / "files" / record["filepath"][1:]).stat().st_size == record["bytes"]

    def test_goes_on_where_it_was_cut_short(
        self, in_reach: CommandLine, stored: Stored, data_dir: Path, s3: S3Server
    ) -> None:
        """A copy of before, perhaps of a half: it is made again, and only then the record changes."""
        owner = ObjectId()
        record = keep(data_dir, stored, owner)[0]
        s3.put(record["filepath"][1:], b"half")
        assert in_reach.json("files", "move", "--to", "s3")["moved"] == 3
        assert s3.get(record["filepath"][1:]).content == b"some words\n"

    def test_leaves_what_is_not_there(self, in_reach: CommandLine, stored: Stored) -> None:
        owner = ObjectId()
        lost = {"filepath": f"/uploads/{owner}/lost", "source": "local", "user": owner, "file_id": "lost"}
        stored.files.insert_many(
            [lost, {**lost, "_id": ObjectId(), "filepath": f"/uploads/{ObjectId()}/others"}]
        )
        result = in_reach.run("files", "move", "--to", "s3", code=1)
        assert "missing         2" in result.stdout
        assert places(stored) == {"local"}

    def test_needs_a_place(self, echo_api: CommandLine) -> None:
        assert "s3 is not set up" in echo_api.refused("files", "move", "--to", "s3", code=78)
