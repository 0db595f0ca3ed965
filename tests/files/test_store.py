import errno
import io
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import structlog

from echo.errors import ApiError, PayloadTooLarge, UnsupportedMediaType
from echo.files import FileStore, StoredFile, Upload
from storage.core.errors import Unavailable, Uncertain
from tests.files import samples
from tests.files.samples import ADA, BOB, TEXT, files_below, record_of, upload
from tests.support.threads import started_pool, together


class TestSave:
    def test_keeps_the_bytes(self, store: FileStore) -> None:
        content = samples.archive({"a": os.urandom(100_000)})
        stored = store.save(ADA, upload(content, "my file.zip"))
        assert store.path(record_of(stored)).read_bytes() == content
        assert (stored.filename, stored.type, stored.bytes) == (
            "my file.zip",
            "application/zip",
            len(content),
        )

    def test_the_record_is_librechats(self, store: FileStore) -> None:
        stored = store.save(ADA, upload(TEXT, "note.txt"))
        assert stored.record == {
            "file_id": stored.file_id,
            "filename": "note.txt",
            "filepath": f"/uploads/{ADA}/{stored.file_id}",
            "object": "file",
            "bytes": len(TEXT),
            "type": "text/plain",
            "source": "local",
            "context": "message_attachment",
            "usage": 0,
            "embedded": False,
        }
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", stored.file_id)

    @pytest.mark.parametrize("kind", ["GIF", "JPEG", "PNG", "WEBP"])
    def test_of_a_picture_the_record_has_its_size(self, store: FileStore, kind: str) -> None:
        stored = store.save(ADA, upload(samples.picture(kind, (31, 17)), "x"), image=True)
        assert (stored.record["width"], stored.record["height"]) == (31, 17)
        assert stored.filepath == f"/images/{ADA}/{stored.file_id}__x.{kind.lower()}"

    def test_a_picture_that_is_sent_as_a_file_is_measured_too(self, store: FileStore) -> None:
        stored = store.save(ADA, upload(samples.picture("PNG", (31, 17))))
        assert (stored.record["width"], stored.record["height"]) == (31, 17)

    @pytest.mark.parametrize(
        "name",
        [
            "../../../evil",
            "/etc/passwd",
            "a\x00b",
            "x" * 5000,
            "CON",
            "..",
            ".ssh/authorized_keys",
            "a;rm -rf",
        ],
    )
    def test_the_sent_name_is_no_part_of_the_path(self, store: FileStore, root: Path, name: str) -> None:
        stored = store.save(ADA, upload(TEXT, name))
        assert files_below(root.parent) == [f"files/uploads/{ADA}/{stored.file_id}"]

    def test_only_the_server_can_read_what_is_stored(self, store: FileStore, root: Path) -> None:
        path = store.path(record_of(store.save(ADA, upload(TEXT))))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for directory in (path.parent, path.parent.parent, root):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_the_content_decides_not_name_and_header(self, store: FileStore) -> None:
        stored = store.save(ADA, upload(samples.picture("PNG"), "page.html", "text/html"))
        assert stored.type == "image/png"

    @pytest.mark.parametrize("owner", ["", "..", "a/b", "A" * 24, "a" * 23, "a" * 25, "../" + "a" * 21])
    def test_an_owner_that_is_no_id_is_a_fault(self, store: FileStore, root: Path, owner: str) -> None:
        with pytest.raises(ValueError, match="24 hexadecimal"):
            store.save(owner, upload(TEXT))
        assert files_below(root.parent) == []

    def test_many_at_once_do_not_meet(self, store: FileStore, root: Path) -> None:
        def save(number: int) -> tuple[int, StoredFile]:
            return number, store.save(ADA, upload(f"text {number}".encode(), "same.txt"))

        with started_pool(8) as pool:
            saved = list(pool.map(save, range(40)))
        assert len(files_below(root)) == 40
        for number, stored in saved:
            assert store.path(record_of(stored)).read_bytes() == f"text {number}".encode()


class TestRefusals:
    """Whatever is refused leaves no file behind."""

    @pytest.mark.parametrize(
        ("content", "status_and_code"),
        [
            (b"", (422, "empty_file")),
            (b"x" * 1_000_001, (413, "payload_too_large")),
            (b"\x7fELF" + bytes(60), (415, "unsupported_file")),
            (samples.huge_png(20_000, 20_000), (413, "image_too_large")),
            (samples.picture("PNG", (101, 100)), (413, "image_too_large")),
            (samples.picture("PNG", (90, 90))[:80], (415, "unsupported_file")),
        ],
        ids=["empty", "too large", "program", "bomb", "too many pixels", "cut off"],
    )
    @pytest.mark.parametrize("image", [False, True])
    def test_leave_nothing(
        self, root: Path, store: FileStore, content: bytes, status_and_code: tuple[int, str], *, image: bool
    ) -> None:
        with pytest.raises(ApiError) as caught:
            store.save(ADA, upload(content, "a.png", "image/png"), image=image)
        assert (caught.value.status, caught.value.code) == status_and_code
        assert files_below(root.parent) == []

    @pytest.mark.parametrize("content", [TEXT, samples.SVG, samples.HTML, samples.PDF, samples.wav()])
    def test_what_is_no_picture_is_not_taken_for_one(self, store: FileStore, content: bytes) -> None:
        with pytest.raises(UnsupportedMediaType) as caught:
            store.save(ADA, upload(content, "a.png", "image/png"), image=True)
        assert caught.value.code == "unsupported_file"

    def test_a_file_of_just_the_limit_is_taken(self, store: FileStore) -> None:
        assert store.save(ADA, upload(b"x" * 1_000_000)).bytes == 1_000_000

    def test_the_size_that_the_request_names_is_not_believed(self, store: FileStore) -> None:
        stream = io.BytesIO(b"x" * 1_000_001)
        with pytest.raises(PayloadTooLarge):
            store.save(ADA, Upload(stream=stream, filename="a", content_type="text/plain", size=1))


class Failing(io.BytesIO):
    """A stream that can be looked at, and breaks off while it is copied to its place."""

    def __init__(self, content: bytes, error: BaseException) -> None:
        super().__init__(content)
        self._error = error
        self._read = 0

    def read(self, size: int | None = -1) -> bytes:
        self._read += 1
        if self._read > 4:
            raise self._error
        return super().read(size)


class TestAFailureHalfWay:
    @pytest.mark.parametrize("error", [OSError("disk"), MemoryError(), KeyboardInterrupt()])
    def test_leaves_nothing(self, store: FileStore, root: Path, error: BaseException) -> None:
        stream = Failing(b"x" * 3000, error)
        with pytest.raises(type(error)):
            store.save(ADA, Upload(stream=stream, filename="a.txt", content_type="text/plain", size=3000))
        assert (root / "uploads" / ADA).is_dir()
        assert files_below(root) == []

    @pytest.mark.parametrize("call", ["fsync", "rename"])
    def test_of_the_disk_leaves_nothing(
        self, store: FileStore, root: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        store.save(ADA, upload(TEXT))
        before = files_below(root)

        def fail(*arguments: Any, **options: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            store.save(ADA, upload(TEXT))
        assert files_below(root) == before

    def test_of_the_last_step_leaves_nothing(
        self, store: FileStore, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file has its name already, and then the directory cannot be made durable."""
        store.save(ADA, upload(TEXT))
        before = files_below(root)
        fsync = os.fsync

        def fail_for_directories(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                assert len(files_below(root)) == 2
                raise OSError(5, "Input/output error")
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", fail_for_directories)
        with pytest.raises(OSError, match="Input/output"):
            store.save(ADA, upload(TEXT))
        assert files_below(root) == before

    def test_of_what_comes_after_removes_the_file(self, store: FileStore, root: Path) -> None:
        def fail_afterwards() -> None:
            with store.received(ADA, upload(TEXT)):
                assert len(files_below(root)) == 1
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail_afterwards()
        assert files_below(root) == []

    @pytest.mark.parametrize(("error", "files"), [(Uncertain("no answer"), 1), (Unavailable("not sent"), 0)])
    def test_of_a_record_that_may_be_there_keeps_the_file(
        self, store: FileStore, root: Path, error: Exception, files: int
    ) -> None:
        def fail_afterwards() -> None:
            with store.received(ADA, upload(TEXT)):
                raise error

        with pytest.raises(type(error)):
            fail_afterwards()
        assert len(files_below(root)) == files

    def test_of_nothing_keeps_the_file(self, store: FileStore, root: Path) -> None:
        with store.received(ADA, upload(samples.picture("PNG")), image=True) as stored:
            assert stored.type == "image/png"
        assert len(files_below(root)) == 1

    def test_a_file_has_its_name_only_when_it_is_whole(self, store: FileStore, root: Path) -> None:
        seen: list[list[str]] = []

        class Watching(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                seen.append(files_below(root) if root.exists() else [])
                return super().read(size)

        stored = store.save(ADA, Upload(Watching(TEXT), "a.txt", "text/plain", len(TEXT)))
        assert {Path(name).name for names in seen for name in names} == {f".{stored.file_id}.part"}

    def test_a_killed_process_leaves_a_partial_file_that_is_swept_later(self, root: Path) -> None:
        program = (
            "import io, os, signal, sys; from pathlib import Path; from echo.files import FileStore, Upload\n"
            "class Dying(io.BytesIO):\n"
            "    def read(self, size=-1):\n"
            "        if list(Path(sys.argv[1]).glob('*/*/.*.part')): os.kill(os.getpid(), signal.SIGKILL)\n"
            "        return super().read(size)\n"
            "FileStore(Path(sys.argv[1]), max_bytes=10**6, max_pixels=10).save("
            "'a' * 24, Upload(Dying(b'text'), 'a', '', 4))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(root)], check=False, cwd=Path(__file__).parents[2]
        )
        assert done.returncode == -9
        (partial,) = (root / name for name in files_below(root))
        yesterday = time.time() - 25 * 3600
        os.utime(partial, (yesterday, yesterday))
        FileStore(root, max_bytes=100, max_pixels=100).save(BOB, upload(TEXT))
        assert [Path(name).parent.name for name in files_below(root)] == [BOB]


class TestLeftovers:
    def test_of_living_uploads_stay(self, store: FileStore, root: Path) -> None:
        directory = root / "uploads" / ADA
        directory.mkdir(parents=True)
        (directory / ".young.part").write_bytes(b"")
        assert store.remove_leftovers() == 0
        assert store.remove_leftovers(older_than_seconds=-60) == 1
        assert files_below(root) == []

    def test_are_only_partial_files(self, store: FileStore, root: Path) -> None:
        store.save(ADA, upload(TEXT))
        (root / "uploads" / ADA / "note.part").write_bytes(b"")
        assert store.remove_leftovers(older_than_seconds=-60) == 0

    def test_are_looked_for_once_in_the_life_of_a_process(self, store: FileStore, root: Path) -> None:
        store.save(ADA, upload(TEXT))
        partial = root / "uploads" / ADA / ".old.part"
        partial.write_bytes(b"")
        os.utime(partial, (0, 0))
        store.save(ADA, upload(TEXT))
        assert partial.exists()

    def test_may_vanish_meanwhile(self, store: FileStore, root: Path) -> None:
        directory = root / "uploads" / ADA
        directory.mkdir(parents=True)
        (directory / ".gone.part").symlink_to(directory / "nowhere")
        assert store.remove_leftovers(older_than_seconds=-60) == 0

    def test_two_sweeps_at_once_do_no_harm(self, store: FileStore, root: Path) -> None:
        directory = root / "uploads" / ADA
        directory.mkdir(parents=True)
        for number in range(200):
            (directory / f".{number}.part").write_bytes(b"")
        together(lambda _: store.remove_leftovers(-60), 4)
        assert files_below(root) == []


class TestDelete:
    def test_removes_the_file(self, store: FileStore, root: Path) -> None:
        stored = store.save(ADA, upload(TEXT))
        store.delete(record_of(stored))
        assert files_below(root) == []

    def test_of_what_is_not_there_is_no_error(self, store: FileStore) -> None:
        stored = store.save(ADA, upload(TEXT))
        store.delete(record_of(stored))
        store.delete(record_of(stored))
        store.delete({"user": ADA, "filepath": "https://elsewhere.example/a"})

    def test_of_what_the_disk_keeps_is_told_in_the_log(
        self, store: FileStore, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stored = store.save(ADA, upload(TEXT))

        def refuse(self: Path, *, missing_ok: bool) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(Path, "unlink", refuse)
        with structlog.testing.capture_logs() as logged:
            store.delete(record_of(stored))
        assert [(each["filepath"], each["why"]) for each in logged] == [
            (stored.filepath, "Read-only file system")
        ]
        assert len(files_below(root)) == 1


class TestDeleteAll:
    def test_removes_what_is_the_owners_recorded_or_not(self, store: FileStore, root: Path) -> None:
        for owner in ("a" * 24, "b" * 24):
            for place in ("uploads", "images", "uploads/temp"):
                path = root / place / owner / "file"
                path.parent.mkdir(parents=True)
                path.write_bytes(b"12345")
        removed = store.delete_all("a" * 24)
        assert (removed.files, removed.bytes) == (3, 15)
        assert not list(root.rglob("a" * 24))
        assert len(list(root.rglob("file"))) == 3
        assert store.delete_all("a" * 24).files == 0

    def test_a_directory_that_is_a_link_goes_without_what_it_points_to(
        self, store: FileStore, root: Path, tmp_path: Path
    ) -> None:
        kept = tmp_path / "kept"
        kept.write_bytes(b"x")
        (root / "uploads").mkdir(parents=True)
        (root / "uploads" / ("a" * 24)).symlink_to(tmp_path)
        store.delete_all("a" * 24)
        assert kept.is_file()
        assert not list((root / "uploads").iterdir())

    @pytest.mark.parametrize("owner", ["", "..", ".", "A" * 24, "a" * 25, "a" * 23 + "/"])
    def test_an_owner_that_is_none_names_no_directory(self, store: FileStore, root: Path, owner: str) -> None:
        path = root / "uploads" / "x"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        with pytest.raises(ValueError, match="24"):
            store.delete_all(owner)
        assert path.is_file()
