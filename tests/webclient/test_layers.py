"""Layers of images, one over the other; and what no web client has."""

import gzip
import os
import sys
import tarfile
from pathlib import Path

import pytest

from echo.webclient import layers, staging
from echo.webclient.install import install, open_source
from echo.webclient.installed import home
from tests.support.installing import installed, refused
from tests.support.registry import (
    BASE,
    CLIENT,
    DIST,
    LIBRECHAT,
    Image,
    archive,
    packed,
    special,
    write_oci,
)
from tests.support.web_client import FILES


class TestLayers:
    def test_above_cover_those_below(self, tmp_path: Path) -> None:
        image = Image(
            [
                packed(
                    [
                        *CLIENT,
                        (f"{DIST}old.txt", b""),
                        (f"{DIST}gone/a/b.txt", b""),
                        (f"{DIST}opaque/a.txt", b""),
                    ]
                ),
                packed(
                    [
                        (f"{DIST}robots.txt", b"new"),
                        (f"{DIST}.wh.old.txt", b""),
                        (f"{DIST}.wh.gone", b""),
                        # What stands before it in the same layer stays.
                        (f"{DIST}opaque/b.txt", b"b"),
                        (f"{DIST}opaque/.wh..wh..opq", b""),
                        (f"./{DIST}added.txt", b"added"),
                    ]
                ),
            ]
        )
        found = installed(tmp_path / "data", str(write_oci(tmp_path / "x.tar", image)))
        expected = {**FILES, "robots.txt": b"new", "opaque/b.txt": b"b", "added.txt": b"added"}
        assert found == expected

    @pytest.mark.parametrize(
        "whiteout", [".wh.app", "app/.wh.client", "app/client/.wh.dist", "app/.wh..wh..opq"]
    )
    def test_remove_a_whole_client(self, tmp_path: Path, whiteout: str) -> None:
        old = packed([*CLIENT, (f"{DIST}old.txt", b"")])
        image = Image([old, packed([(whiteout, b""), *CLIENT])])
        assert installed(tmp_path / "data", str(write_oci(tmp_path / "x.tar", image))) == FILES

    def test_put_files_where_directories_were_and_the_other_way_round(self, tmp_path: Path) -> None:
        image = Image(
            [
                packed([*CLIENT, (f"{DIST}a/b/c.txt", b""), (f"{DIST}d", b"d")]),
                packed([(f"{DIST}a", b"a"), (f"{DIST}d/e.txt", b"e")]),
            ]
        )
        found = installed(tmp_path / "data", str(write_oci(tmp_path / "x.tar", image)))
        assert found == {**FILES, "a": b"a", "d/e.txt": b"e"}

    def test_keep_the_times_of_files(self, tmp_path: Path) -> None:
        record = install(tmp_path / "data", open_source(str(write_oci(tmp_path / "x.tar", LIBRECHAT)), None))
        index = home(tmp_path / "data") / record.directory / "index.html"
        assert index.stat().st_mtime == 1_700_000_000
        assert index.stat().st_mode & 0o7777 == 0o644 & ~_umask()

    @pytest.mark.parametrize(
        ("entry", "why"),
        [
            (special(f"{DIST}x", tarfile.SYMTYPE, "/etc/passwd"), f"Its {DIST}x is a link or a device"),
            (special(f"{DIST}x", tarfile.LNKTYPE, "etc/passwd"), f"Its {DIST}x is a link or a device"),
            (special(f"{DIST}x", tarfile.CHRTYPE), f"Its {DIST}x is a link or a device"),
            (special(f"{DIST}x", tarfile.FIFOTYPE), f"Its {DIST}x is a link or a device"),
            (special("app/client", tarfile.SYMTYPE, "/etc"), "Its app/client is a link or a device"),
            (
                special("app/client/dist", tarfile.SYMTYPE, "/etc"),
                "Its app/client/dist is a link or a device",
            ),
            ((f"{DIST}../../../x", b""), "It has a name that leads out of it"),
            ((f"/{DIST}x", b""), "It has a name that leads out of it"),
            (("../x", b""), "It has a name that leads out of it"),
            ((f"{DIST}a\nb", b""), "It has a file with a name that no web client has"),
            ((f"{DIST}a\\b", b""), "It has a file with a name that no web client has"),
            ((f"{DIST}{'x' * 201}", b""), "It has a file with a name that no web client has"),
            ((f"{DIST}{'x/' * 16}x", b""), "It has a file with a name that no web client has"),
        ],
    )
    def test_with_what_no_client_has_are_refused(
        self, tmp_path: Path, entry: tuple[str, bytes] | tarfile.TarInfo, why: str
    ) -> None:
        assert refused(tmp_path, Image([packed([*CLIENT, entry])])).startswith(why)

    def test_links_elsewhere_in_the_image_are_nobodys_business(self, tmp_path: Path) -> None:
        image = Image([packed([*BASE, special("app/uploads", tarfile.SYMTYPE, "/"), *CLIENT])])
        assert installed(tmp_path / "data", str(write_oci(tmp_path / "x.tar", image))) == FILES

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"neither nor" * 999, "A layer is damaged: "),
            (gzip.compress(b"no archive" * 999), "A layer is damaged: "),
            (packed(CLIENT)[:600], "A layer is damaged: "),
            (b"\x1f\x8b" + b"x" * 99, "A layer is damaged: "),
            (b"\x28\xb5\x2f\xfdxxxx", "Its layers are packed with zstd, which Python 3."),
        ],
        # Not by the content, which holds a time.
        ids=["other", "compressed", "cut", "broken", "zstd"],
    )
    def test_that_cannot_be_read_are_refused(self, tmp_path: Path, content: bytes, why: str) -> None:
        if why.startswith("Its") and _has_zstd():
            why = "A layer is damaged: "
        assert refused(tmp_path, Image([content])).startswith(why)

    def test_with_a_header_without_end_are_refused_before_it_is_read(self, tmp_path: Path) -> None:
        header = special("x", tarfile.XHDTYPE)
        header.size = 2**32
        raw = header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 9999
        assert refused(tmp_path, Image([raw])) == "A layer is damaged: a name in it has no end."

    def test_that_are_not_packed_are_fine(self, tmp_path: Path) -> None:
        found = installed(tmp_path / "data", str(write_oci(tmp_path / "x.tar", Image([archive(CLIENT)]))))
        assert found == FILES


class TestLimits:
    @pytest.mark.parametrize(
        ("module", "name", "limit", "why"),
        [
            (staging, "MAX_FILES", 11, "It has more than 11 files."),
            (
                staging,
                "MAX_FILE_BYTES",
                5000,
                "It is too large, with assets/index.Dq3_x-9Z.js: at most 512 MiB are taken.",
            ),
            (
                staging,
                "MAX_BYTES",
                10_000,
                "It is too large, with assets/index.Dq3_x-9Z.js: at most 0 MiB are taken.",
            ),
            (layers, "MAX_UNPACKED_BYTES", 20_000, "A layer is larger than 0 GiB when it is unpacked."),
        ],
    )
    def test_hold(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        module: object,
        name: str,
        limit: int,
        why: str,
    ) -> None:
        monkeypatch.setattr(module, name, limit)
        assert refused(tmp_path, LIBRECHAT) == why

    def test_are_these(self) -> None:
        assert staging.MAX_FILES == 20_000
        assert staging.MAX_FILE_BYTES == 64 * 1024**2
        assert staging.MAX_BYTES == 512 * 1024**2
        assert layers.MAX_UNPACKED_BYTES == 16 * 1024**3


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def _has_zstd() -> bool:
    return sys.version_info >= (3, 14)
