"""`echo-api files`: moving what is kept, there and back."""

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


class TestMove:
    def test_brings_files_to_the_service_and_back(
        self, in_reach: CommandLine, stored: Stored, data_dir: Path, s3: S3Server
    ) -> None:
        owner = ObjectId()
        before = keep(data_dir, stored, owner)
        assert in_reach.json("files", "move", "--to", "s3", "--dry-run") == {"to": "s3", "to_be_moved": 3}
        assert places(stored) == {"local"}
        moved = in_reach.json("files", "move", "--to", "s3")
        assert moved == {"to": "s3", "moved": 3, "missing": 0, "not_moved": 0}
        assert places(stored) == {"s3"}
        assert samples.files_below(data_dir / "files") == []
        for record in (*stored.files.find(), *stored.skillfiles.find()):
            assert record["storageKey"] == record["filepath"][1:]
            assert len(s3.get(record["storageKey"]).content) == record["bytes"]
        assert in_reach.json("files", "move", "--to", "s3")["moved"] == 0
        assert in_reach.json("files", "move", "--to", "local")["moved"] == 3
        assert [key for key in s3.listed() if str(owner) in key] == []
        assert [*stored.files.find(), *stored.skillfiles.find()] == before

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
        assert "missing    2" in result.stdout
        assert places(stored) == {"local"}

    def test_needs_a_place(self, echo_api: CommandLine) -> None:
        assert "s3 is not set up" in echo_api.refused("files", "move", "--to", "s3", code=78)
