import os
from pathlib import Path
from typing import Any

import pytest

from echo.errors import NotFound
from echo.files import FileStore
from tests.files.samples import ADA, BOB, TEXT, record_of, upload


class TestPath:
    """A record is data that other programs write; it opens nothing outside of its owner's directory."""

    @pytest.mark.parametrize(
        "name",
        [
            "..",
            ".",
            "",
            "../secret",
            "../../secret",
            "../../../secret",
            f"../{BOB}/theirs",
            "..\\secret",
            "%2e%2e%2fsecret",
            "..%2fsecret",
            "a\x00b",
            "\x00",
            "secret\n",
            "x" * 300,
            "文" * 100,
            "\ud800",
            "/secret",
            "//secret",
            "link",
            "directory",
            "pipe",
        ],
    )
    @pytest.mark.parametrize("place", ["uploads", "images"])
    def test_leads_nowhere_else(self, store: FileStore, root: Path, place: str, name: str) -> None:
        own = root / place / ADA
        own.mkdir(parents=True)
        (root / place / BOB).mkdir()
        secrets = [
            root.parent / "secret",
            root / "secret",
            root / place / "secret",
            root / place / BOB / "theirs",
        ]
        for path in secrets:
            path.write_text("secret")
        (own / "link").symlink_to(root / "secret")
        (own / "directory").mkdir()
        os.mkfifo(own / "pipe")
        record = {"user": ADA, "filepath": f"/{place}/{ADA}/{name}"}
        with pytest.raises(NotFound):
            store.path(record)
        store.delete(record)
        assert all(path.exists() for path in secrets)

    @pytest.mark.parametrize(
        "filepath",
        [
            None,
            7,
            {},
            "",
            "/",
            "/etc/passwd",
            "secret",
            f"/uploads/{BOB}/theirs",
            f"uploads/{ADA}/mine",
            f"//uploads/{ADA}/mine",
            f"/uploads//{ADA}/mine",
            f"/uploads/{ADA}/../{ADA}/mine",
            f"/uploads/../uploads/{ADA}/mine",
            f"/UPLOADS/{ADA}/mine",
            f"/other/{ADA}/mine",
            f"/uploads/{ADA}",
            f"/uploads/{ADA}/",
            f"/uploads/{ADA}/mine/",
            f"/uploads/{ADA}/mine/deeper",
            f"file:///uploads/{ADA}/mine",
            f"https://elsewhere.example/uploads/{ADA}/mine",
            f"/app/uploads/temp/{ADA}/mine",
            f"/uploads/{ADA}/mine\n",
        ],
    )
    def test_must_be_of_the_known_form(self, store: FileStore, root: Path, filepath: Any) -> None:
        for owner, name in ((ADA, "mine"), (BOB, "theirs")):
            (root / "uploads" / owner).mkdir(parents=True)
            (root / "uploads" / owner / name).write_text("x")
        assert store.path({"user": ADA, "filepath": f"/uploads/{ADA}/mine"}).read_text() == "x"
        with pytest.raises(NotFound):
            store.path({"user": ADA, "filepath": filepath})

    @pytest.mark.parametrize("owner", [None, "", "..", BOB, "a" * 23])
    def test_must_be_the_owners(self, store: FileStore, owner: Any) -> None:
        stored = store.save(ADA, upload(TEXT))
        with pytest.raises(NotFound):
            store.path(record_of(stored, owner))

    def test_a_root_that_is_not_there_yet_has_no_files(self, store: FileStore) -> None:
        with pytest.raises(NotFound):
            store.path({"user": ADA, "filepath": f"/uploads/{ADA}/mine"})


class TestFilesOfLibreChat:
    """LibreChat names files `<file_id>__<name>` and keeps pictures and uploads in two directories of its own."""

    @pytest.fixture
    def theirs(self, tmp_path: Path) -> dict[str, Path]:
        app = tmp_path / "app"
        places = {"uploads": app / "uploads", "images": app / "client" / "public" / "images"}
        for place, directory in places.items():
            (directory / ADA).mkdir(parents=True)
            (directory / ADA / f"23aa9fc4-cf25-410f-98bf-e7093bf62d9f__{place}.bin").write_text(place)
        return places

    @pytest.fixture
    def store(self, root: Path, theirs: dict[str, Path]) -> FileStore:
        return FileStore(root, max_bytes=1000, max_pixels=1000, librechat=theirs["uploads"].parent)

    def test_are_found_beside_the_compose_file_too(
        self, store: FileStore, tmp_path: Path, theirs: dict[str, Path]
    ) -> None:
        theirs["images"].rename(tmp_path / "app" / "images")
        name = "23aa9fc4-cf25-410f-98bf-e7093bf62d9f__images.bin"
        assert store.path({"user": ADA, "filepath": f"/images/{ADA}/{name}"}).read_text() == "images"

    @pytest.mark.parametrize("place", ["uploads", "images"])
    def test_are_found(self, store: FileStore, place: str) -> None:
        filepath = f"/{place}/{ADA}/23aa9fc4-cf25-410f-98bf-e7093bf62d9f__{place}.bin"
        assert store.path({"user": ADA, "filepath": filepath}).read_text() == place

    @pytest.mark.parametrize("place", ["uploads", "images"])
    def test_are_deleted(self, store: FileStore, theirs: dict[str, Path], place: str) -> None:
        name = f"23aa9fc4-cf25-410f-98bf-e7093bf62d9f__{place}.bin"
        store.delete({"user": ADA, "filepath": f"/{place}/{ADA}/{name}"})
        assert not (theirs[place] / ADA / name).exists()

    def test_do_not_get_new_ones_among_them(
        self, store: FileStore, root: Path, theirs: dict[str, Path]
    ) -> None:
        path = store.path(record_of(store.save(ADA, upload(TEXT))))
        assert path.is_relative_to(root)
        assert [len(list((directory / ADA).iterdir())) for directory in theirs.values()] == [1, 1]
