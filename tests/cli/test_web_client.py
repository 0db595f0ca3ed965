"""`echo-api web-client`, and what `serve` and `check` make of ECHO_WEB_CLIENT."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import KEYS, Run
from tests.support.registry import BASE, LIBRECHAT, Image, digest_of, packed, registry, write_oci
from tests.support.web_client import FILES, build_client

NOWHERE = {"MONGO_URI": "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100", **KEYS}


class TestServe:
    def test_refuses_a_directory_without_a_client(self, run: Run, tmp_path: Path) -> None:
        refused = f"echo-api: ECHO_WEB_CLIENT is {tmp_path / 'dist'}, which is not a directory.\n"
        for arguments, environ in (
            (("serve", "--web-client", "dist"), {}),
            (("serve",), {"ECHO_WEB_CLIENT": "dist"}),
        ):
            result = run(*arguments, **NOWHERE, **environ)
            assert (result.exit_code, result.stderr.splitlines(keepends=True)[-1]) == (78, refused)

    def test_goes_on_with_one(self, run: Run, tmp_path: Path) -> None:
        build_client(tmp_path / "dist")
        result = run("serve", "--web-client", "dist", **NOWHERE)
        # Only the database is missing.
        assert result.exit_code == 69, result.output

    def test_check_finds_it_too(self, run: Run, tmp_path: Path) -> None:
        result = run("check", "--offline", ECHO_WEB_CLIENT="dist", **NOWHERE)
        line = f"failed   web client: ECHO_WEB_CLIENT is {tmp_path / 'dist'}, which is not a directory"
        assert any(each.startswith(line) for each in result.stdout.splitlines()), result.stdout


class TestInstall:
    def test_from_a_registry(self, run: Run, tmp_path: Path) -> None:
        with registry() as there:
            result = run("web-client", "install", "--from", there.name("v0"), "--version", "v1")
            assert result.exit_code == 0, result.output
            size = f"{sum(map(len, FILES.values())) / 1e6:.1f}"
            assert result.output == (
                f"Installed {there.name()}: 12 files, {size} MB. "
                "`echo-api serve` serves it; restart a server that runs.\n"
            )
            again = run("web-client", "install", "--from", there.name())
        assert (again.exit_code, again.output) == (0, f"{there.name()} is installed already.\n")
        assert there.paths[-1] == "manifests/v1" or there.paths[-1].startswith("manifests/sha256:")
        found = run("check", "--offline", **NOWHERE).stdout
        assert f"ok       web client: {tmp_path / 'data' / 'web-client'}/" in found

    def test_needs_no_other_setting(self, run: Run, tmp_path: Path) -> None:
        build_client(tmp_path / "dist")
        assert run("web-client", "install", "--from", "dist", MONGO_URI="nonsense").exit_code == 0
        assert (tmp_path / "data" / "web-client" / "installed.json").exists()

    @pytest.mark.parametrize(
        ("arguments", "code", "sentence"),
        [
            (("--from", "127.0.0.1:1/x/y"), 69, "127.0.0.1:1 cannot be reached (Connection refused)."),
            (("--from", "./nothing"), 65, "There is no file or directory ./nothing"),
            (("--from", "dist", "--version", "v1"), 65, "--version says which image to take"),
            (("--version", "v 1"), 65, "v 1 is no version of an image."),
            (("--from", "empty.tar"), 65, "{place}/empty.tar holds no web client that could be served"),
        ],
    )
    def test_ends_with_a_sentence(
        self, run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str
    ) -> None:
        build_client(tmp_path / "dist")
        write_oci(tmp_path / "empty.tar", Image([packed(BASE)]))
        result = run("web-client", "install", *arguments)
        assert result.exit_code == code
        assert result.stderr.startswith(f"echo-api: {sentence.format(place=tmp_path)}")
        assert "Traceback" not in result.output

    def test_help_names_the_image_and_the_version(self, run: Run) -> None:
        text = " ".join(run("web-client", "install", "--help").stdout.split())
        assert "[default: v0.8.8-rc1]" in text
        assert "[default: ghcr.io/danny-avila/librechat]" in text


class TestShowAndRemove:
    def test_what_is_installed(self, run: Run, tmp_path: Path) -> None:
        assert run("web-client", "show").exit_code == 1
        archive = write_oci(tmp_path / "image.tar", LIBRECHAT, "v9")
        assert run("web-client", "install", "--from", "image.tar").exit_code == 0
        shown = json.loads(run("web-client", "show", "--json").stdout)
        assert Path(shown.pop("directory")).parent == tmp_path / "data" / "web-client"
        assert shown.pop("installed_at").endswith("Z")
        assert shown == {
            "source": str(archive),
            "version": "v9",
            "digest": digest_of(LIBRECHAT.manifest),
            "files": 12,
            "bytes": sum(map(len, FILES.values())),
        }
        assert "v9" in run("web-client", "show").stdout
        removed = run("web-client", "remove")
        assert (removed.exit_code, removed.stdout) == (0, "Removed. `echo-api serve` serves the API alone.\n")
        again = run("web-client", "remove")
        assert (again.exit_code, again.stderr) == (1, "echo-api: No web client is installed.\n")

    def test_a_record_that_cannot_be_read_is_told_of(self, run: Run, tmp_path: Path) -> None:
        build_client(tmp_path / "data" / "web-client", {"installed.json": b"[]"})
        result = run("web-client", "show")
        assert result.exit_code == 78
        assert result.stderr.startswith("echo-api: The web client cannot be found: ")
        # Removing it makes room for another.
        assert run("web-client", "remove").exit_code == 0
