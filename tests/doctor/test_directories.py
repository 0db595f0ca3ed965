"""What the doctor says of directories."""

import os
import shutil
from collections import namedtuple
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from echo.doctor import Finding, begin
from echo.doctor.directories import MIB, check_data_dir, check_librechat_dir

Usage = namedtuple("Usage", "total used free")
Check = Callable[[Path], dict[str, Finding]]


def by_subject(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {each.about: each for each in findings}


@pytest.fixture
def look() -> Check:
    return lambda directory: by_subject(check_data_dir(begin({"ECHO_DATA_DIR": str(directory)}, None)))


class TestDataDirectory:
    def test_that_is_good(self, tmp_path: Path, look: Check) -> None:
        tmp_path.chmod(0o700)
        assert look(tmp_path)["data directory"].status == "ok"
        assert list(tmp_path.iterdir()) == []

    def test_that_is_not_there_yet(self, tmp_path: Path, look: Check) -> None:
        assert "will be made" in look(tmp_path / "not" / "yet")["data directory"].what
        assert list(tmp_path.iterdir()) == []

    def test_that_others_may_look_into(self, tmp_path: Path, look: Check) -> None:
        tmp_path.chmod(0o755)
        found = look(tmp_path)["data directory"]
        assert (found.status, found.todo) == ("warning", f"chmod 700 {tmp_path}")

    def test_that_is_a_file(self, tmp_path: Path, look: Check) -> None:
        (tmp_path / "file").write_text("")
        assert look(tmp_path / "file")["data directory"].status == "failed"
        assert look(tmp_path / "file" / "below")["data directory"].status == "failed"

    def test_that_takes_no_file(self, look: Check) -> None:
        found = look(Path("/proc/self"))["data directory"]
        assert found.status == "failed"
        assert "takes no file" in found.what

    @pytest.mark.parametrize(("free", "status"), [(100, "failed"), (500, "warning"), (5000, "ok")])
    def test_with_little_room(
        self, tmp_path: Path, look: Check, monkeypatch: pytest.MonkeyPatch, free: int, status: str
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free * MIB))
        found = look(tmp_path)["disk"]
        assert (found.status, found.what) == (status, f"{free} MiB are free on its disk")


class TestLibreChatsDirectory:
    def look(self, directory: Path) -> list[Finding]:
        return list(check_librechat_dir(begin({"ECHO_LIBRECHAT_DIR": str(directory)}, None)))

    def test_is_not_asked_for_where_there_is_none(self) -> None:
        assert list(check_librechat_dir(begin({}, None))) == []

    @pytest.mark.parametrize("images", ["client/public/images", "images"])
    def test_is_complete(self, tmp_path: Path, images: str) -> None:
        (tmp_path / "uploads").mkdir()
        (tmp_path / images).mkdir(parents=True)
        found = self.look(tmp_path)
        assert [str(each.status) for each in found] == ["ok", "ok"]

    def test_lacks_something(self, tmp_path: Path) -> None:
        (tmp_path / "images").mkdir()
        found = self.look(tmp_path)
        assert [str(each.status) for each in found] == ["warning", "ok"]
        assert str(tmp_path / "uploads") in found[0].what

    @pytest.mark.parametrize(("mode", "status"), [(os.R_OK, "failed"), (os.W_OK, "warning")])
    def test_is_not_ours_to_use(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, status: str
    ) -> None:
        # Root may do everything, so the answer of the system is put in its place.
        for name in ("uploads", "images"):
            (tmp_path / name).mkdir()
        monkeypatch.setattr(os, "access", lambda _, wanted: not wanted & mode)
        assert [str(each.status) for each in self.look(tmp_path)] == [status, status]
