"""Which client is served: the one that is set, else the one that is installed; and that nobody takes it away."""

from dataclasses import asdict
from pathlib import Path

import pytest

from echo.doctor import Status, begin
from echo.doctor.web_client import check_web_client
from echo.settings import Settings, SettingsError, load_settings
from echo.webclient.installed import (
    Installed,
    changing,
    client_in_use,
    find_client,
    put_in_place,
    read_record,
    remove,
)
from tests.support.web_client import build_client


def settings(data_dir: Path, web_client: str = "") -> Settings:
    return load_settings({"ECHO_DATA_DIR": str(data_dir), "ECHO_WEB_CLIENT": web_client})


def record(name: str) -> Installed:
    return Installed(name, "here", "v1", None, 12, 1000, "2026-11-26T00:00:00Z")


def install(data_dir: Path, name: str) -> Path:
    """Install a client under a name, and answer with where it is."""
    with changing(data_dir) as place:
        put_in_place(place, build_client(place / ".incoming"), record(name))
    return place / name


class TestTheClientThatIsServed:
    def test_is_none_at_first(self, tmp_path: Path) -> None:
        assert find_client(settings(tmp_path)) is None

    def test_is_the_installed_one_unless_another_is_set(self, tmp_path: Path) -> None:
        first = install(tmp_path, "first")
        assert find_client(settings(tmp_path)) == first
        assert asdict(read_record(tmp_path) or record("")) == asdict(record("first"))
        other = build_client(tmp_path / "other")
        assert find_client(settings(tmp_path, str(other))) == other
        assert find_client(settings(tmp_path, "off")) is None

    def test_is_refused_with_a_sentence_where_it_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError) as refused:
            find_client(settings(tmp_path, str(tmp_path)))
        assert str(refused.value) == f"ECHO_WEB_CLIENT is {tmp_path}, which has no index.html."
        (install(tmp_path, "first") / "index.html").unlink()
        with pytest.raises(
            SettingsError, match=r"^ECHO_WEB_CLIENT is not set, and the installed web client has"
        ):
            find_client(settings(tmp_path))
        (tmp_path / "web-client" / "installed.json").write_text("{}")
        with pytest.raises(SettingsError, match=r"installed\.json cannot be read"):
            find_client(settings(tmp_path))

    def test_is_the_same_in_every_worker(self, tmp_path: Path) -> None:
        first = install(tmp_path, "first")
        with client_in_use(settings(tmp_path)) as settled:
            install(tmp_path, "second")
            assert find_client(settled) == first
        with client_in_use(settings(tmp_path / "empty")) as settled:
            install(tmp_path / "empty", "first")
            assert find_client(settled) is None


class TestInstalling:
    def test_leaves_what_a_server_has_and_removes_the_rest(self, tmp_path: Path) -> None:
        first = install(tmp_path, "first")
        with client_in_use(settings(tmp_path)):
            second = install(tmp_path, "second")
            third = install(tmp_path, "third")
            assert (first.is_dir(), second.is_dir(), third.is_dir()) == (True, False, True)
            assert find_client(settings(tmp_path)) == third
        install(tmp_path, "fourth")
        kept = {each.name for each in (tmp_path / "web-client").iterdir() if each.is_dir()}
        assert kept == {"fourth"}

    def test_clears_what_an_interrupted_one_left(self, tmp_path: Path) -> None:
        build_client(tmp_path / "web-client" / ".incoming-1")
        install(tmp_path, "first")
        assert not (tmp_path / "web-client" / ".incoming-1").exists()

    def test_is_undone_by_removing(self, tmp_path: Path) -> None:
        install(tmp_path, "first")
        with changing(tmp_path) as place:
            remove(place)
        assert find_client(settings(tmp_path)) is None
        assert [each.name for each in place.iterdir() if each.is_dir()] == []


class TestTheDoctor:
    @pytest.mark.parametrize(
        ("web_client", "status", "what"),
        [
            ("", Status.OK, "none is installed, so only the API is served"),
            ("off", Status.OK, "is switched off"),
            ("{dist}", Status.OK, "{dist} holds a built one"),
            ("{nothing}", Status.FAILED, "ECHO_WEB_CLIENT is {nothing}, which is not a directory."),
        ],
    )
    def test_says_what_would_be_served(
        self, tmp_path: Path, web_client: str, status: Status, what: str
    ) -> None:
        places = {"dist": build_client(tmp_path / "dist"), "nothing": tmp_path / "nothing"}
        environ = {"ECHO_DATA_DIR": str(tmp_path), "ECHO_WEB_CLIENT": web_client.format(**places)}
        [finding] = check_web_client(begin(environ, None))
        assert (finding.about, finding.status, finding.what) == ("web client", status, what.format(**places))
