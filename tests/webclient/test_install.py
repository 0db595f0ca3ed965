"""A client out of a directory; and that all of it is installed or nothing."""

from pathlib import Path

import pytest

from echo.webclient.failures import InstallError, Unfit, Unreachable
from echo.webclient.install import install, open_source
from echo.webclient.installed import changing, read_record
from tests.support.installing import files_of, installed
from tests.support.registry import (
    BASE,
    Image,
    packed,
    registry,
)
from tests.support.web_client import FILES, build_client


class TestFromADirectory:
    def test_with_a_built_client(self, tmp_path: Path) -> None:
        assert installed(tmp_path / "data", str(build_client(tmp_path / "dist"))) == FILES

    def test_of_librechat_with_a_built_client_in_it(self, tmp_path: Path) -> None:
        build_client(tmp_path / "librechat" / "client" / "dist")
        (tmp_path / "librechat" / "index.html").write_text("another")
        assert installed(tmp_path / "data", str(tmp_path / "librechat")) == FILES

    def test_without_one_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Unfit, match=r"holds no built web client: it has no index\.html\.$"):
            open_source(str(tmp_path), None)

    @pytest.mark.parametrize("linked", ["x.txt", "x"])
    def test_with_a_link_is_refused(self, tmp_path: Path, linked: str) -> None:
        (tmp_path / "elsewhere" / "x").mkdir(parents=True)
        (tmp_path / "elsewhere" / "x.txt").write_text("canary")
        dist = build_client(tmp_path / "dist")
        (dist / "assets" / linked).symlink_to(tmp_path / "elsewhere" / linked)
        with pytest.raises(Unfit, match=r"is a link or a device, which no web client has\.$"):
            installed(tmp_path / "data", str(dist))

    def test_that_is_not_there_is_no_image_either(self) -> None:
        for name in ("./dist", "/nowhere/x", "~/nowhere", "UPPER"):
            with pytest.raises(InstallError) as told:
                open_source(name, None)
            assert str(told.value) == f"There is no file or directory {name}, and it is no name of an image."

    def test_has_no_versions(self, tmp_path: Path) -> None:
        with pytest.raises(InstallError, match=r"^--version says which image to take"):
            open_source(str(build_client(tmp_path)), "v1")


class TestInstalling:
    def test_one_at_a_time(self, tmp_path: Path) -> None:
        source = open_source(str(build_client(tmp_path / "dist")), None)
        with changing(tmp_path / "data"), pytest.raises(Unreachable, match="under way"):
            install(tmp_path / "data", source)

    def test_that_fails_leaves_what_was_there(self, tmp_path: Path) -> None:
        first = install(tmp_path / "data", open_source(str(build_client(tmp_path / "dist")), None))
        with registry(v1=Image([packed(BASE)])) as there, pytest.raises(Unfit):
            installed(tmp_path / "data", there.name())
        assert read_record(tmp_path / "data") == first
        assert files_of(tmp_path / "data", first) == FILES
