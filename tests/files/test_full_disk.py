"""Disks that take nothing more: real ones, and what is answered then. Nothing half-written is left."""

import errno
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from echo.doctor.directories import write_problem
from echo.error_causes import from_exception
from echo.errors import ApiError
from echo.files.disk import nearest
from tests.conftest import Client, UserClient
from tests.observation.test_metrics import sign_up
from tests.support.small_disk import MIB, files_of_at_most, fill, make_read_only, small_disk

Make = Callable[..., Client]
TEXT = b"some words\n" * 200_000
FULL = ("disk_full", 503, "60")


def answer_to(response: Any) -> tuple[str, int, str]:
    return response.json()["code"], response.status_code, response.headers["Retry-After"]


def upload(client: Client, content: bytes = TEXT) -> Any:
    return client.post("/api/files", files={"file": ("note.txt", content, "text/plain")})


def files_in(directory: Path) -> list[Path]:
    return [each for each in directory.rglob("*") if each.is_file() and each.name != "filling"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Where the files of `make_application` lie, on a file system of 1 MiB."""
    with small_disk(tmp_path / "files") as mounted:
        if not mounted:
            pytest.skip("only root can mount a file system")
        yield tmp_path / "files"


@pytest.fixture
def client(make_application: Make, request: pytest.FixtureRequest) -> Client:
    client = make_application()
    sign_up(client, f"disk-{abs(hash(request.node.nodeid))}@example.com")
    return client


class TestAFullDisk:
    def test_refuses_an_upload_and_keeps_nothing_of_it(self, disk: Path, client: Client) -> None:
        assert answer_to(upload(client)) == FULL
        assert files_in(disk) == []
        assert client.get("/api/files").json() == []
        # There is still room for a small one.
        assert upload(client, b"small").status_code == 201

    def test_with_not_a_byte_left_takes_no_small_one(self, disk: Path, client: Client) -> None:
        fill(disk)
        assert answer_to(upload(client, b"small")) == FULL
        assert files_in(disk) == []

    def test_is_not_ready(self, disk: Path, client: Client) -> None:
        fill(disk)
        response = client.get("/ready")
        assert (response.status_code, response.json()["code"]) == (503, "not_ready")
        assert [error["field"] for error in response.json()["errors"]] == ["files"]

    def test_is_told_by_the_check_too(self, disk: Path) -> None:
        fill(disk)
        assert write_problem(disk) == "No space left on device"

    def test_still_gives_and_deletes_what_is_there(self, disk: Path, client: Client) -> None:
        kept = upload(client, b"small").json()
        fill(disk)
        path = f"/api/files/download/{kept['user']}/{kept['file_id']}"
        assert client.get(path).content == b"small"
        body = {"files": [{"file_id": kept["file_id"], "filepath": kept["filepath"]}]}
        assert client.delete("/api/files", json=body).status_code == 200
        assert files_in(disk) == []


class TestAReadOnlyDisk:
    def test_refuses_an_upload_and_is_not_ready(self, disk: Path, client: Client) -> None:
        make_read_only(disk)
        assert answer_to(upload(client, b"small")) == ("disk_failed", 503, "60")
        assert client.get("/ready").status_code == 503
        assert write_problem(disk) == "Read-only file system"


class TestTemporaryFiles:
    @pytest.mark.parametrize("path", ["/api/files", "/api/convos/import"])
    def test_that_find_no_room_refuse_the_request(
        self, tmp_path: Path, ada: UserClient, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        with small_disk(tmp_path / "tmp") as mounted:
            if not mounted:
                pytest.skip("only root can mount a file system")
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
            response = ada.post(path, files={"file": ("note.txt", TEXT, "text/plain")})
            assert answer_to(response) == FULL
            assert files_in(tmp_path / "tmp") == []
            assert ada.get("/api/files").json() == []

    def test_that_have_no_place_at_all_do(
        self, tmp_path: Path, ada: UserClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        assert answer_to(upload(ada)) == ("disk_failed", 503, "60")


class TestALimitOnFiles:
    def test_refuses_an_upload_and_keeps_nothing_of_it(self, tmp_path: Path, client: Client) -> None:
        with files_of_at_most(MIB):
            assert answer_to(upload(client)) == FULL
        assert files_in(tmp_path / "files") == []

    def test_is_not_ready(self, client: Client) -> None:
        with files_of_at_most(1000):
            assert client.get("/ready").status_code == 503
        assert client.get("/health").status_code == 200


class TestTheReadiness:
    def test_leaves_no_file(self, tmp_path: Path, client: Client) -> None:
        assert client.get("/ready").status_code == 200
        assert files_in(tmp_path) == []

    def test_looks_where_the_files_will_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "files").mkdir()
        assert nearest(tmp_path / "files" / "uploads") == tmp_path / "files"


class TestErrorsOfTheSystem:
    @pytest.mark.parametrize(
        ("number", "code", "wait"),
        [
            (errno.ENOSPC, "disk_full", "60"),
            (errno.EDQUOT, "disk_full", "60"),
            (errno.EFBIG, "disk_full", "60"),
            (errno.EROFS, "disk_failed", "60"),
            (errno.EACCES, "disk_failed", "60"),
            (errno.EPERM, "disk_failed", "60"),
            (errno.EIO, "disk_failed", "60"),
            (errno.ESTALE, "disk_failed", "60"),
            (errno.EMFILE, "overloaded", "2"),
            (errno.ENFILE, "overloaded", "2"),
        ],
    )
    def test_have_a_code(self, number: int, code: str, wait: str) -> None:
        error = from_exception(OSError(number, "canary /a/path"))
        assert isinstance(error, ApiError)
        assert (error.status, error.code, error.headers["Retry-After"]) == (503, code, wait)
        assert "canary" not in error.message

    @pytest.mark.parametrize("number", [errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.EINVAL, None])
    def test_that_are_faults_of_ours_have_none(self, number: int | None) -> None:
        assert from_exception(OSError(number, "x")) is None
