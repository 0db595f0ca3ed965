"""Installing a client: from a registry on loopback, from archives, from directories; all of it or nothing."""

import gzip
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from echo.webclient import layers, staging
from echo.webclient.failures import InstallError, Unfit, Unreachable
from echo.webclient.install import install, is_installed, open_source
from echo.webclient.installed import Installed, changing, home, read_record
from echo.webclient.registry import Reference, Registry, is_this_machine, parse_reference
from tests.support.registry import (
    BASE,
    CLIENT,
    DIST,
    LIBRECHAT,
    TOKEN,
    Image,
    archive,
    digest_of,
    packed,
    registry,
    special,
    write_docker,
    write_oci,
)
from tests.support.web_client import FILES, build_client


def installed(data_dir: Path, source: str, version: str | None = None) -> dict[str, bytes]:
    """Install from there, and answer with the files that are there afterwards."""
    return files_of(data_dir, install(data_dir, open_source(source, version)))


def files_of(data_dir: Path, record: Installed) -> dict[str, bytes]:
    directory = home(data_dir) / record.directory
    paths = [path for path in directory.rglob("*") if not path.is_dir()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def refused(tmp_path: Path, image: Image) -> str:
    """Why this image cannot be installed; that nothing of it is left."""
    (tmp_path / "before").mkdir()
    with pytest.raises(Unfit) as why:
        installed(tmp_path / "data", str(write_oci(tmp_path / "image.tar", image)))
    left = [path for path in tmp_path.rglob("*") if path.name not in ("before", "image.tar", "lock")]
    assert left == [tmp_path / "data", tmp_path / "data" / "web-client"]
    return str(why.value)


class TestFromARegistry:
    def test_only_the_client_is_kept_of_the_image(self, tmp_path: Path) -> None:
        with registry() as there:
            source = open_source(there.name(), None)
            seen: list[int] = []
            record = install(tmp_path, source, seen.append)
        assert files_of(tmp_path, record) == FILES
        assert (record.source, record.version) == (there.name(), "v1")
        assert record.digest == digest_of(LIBRECHAT.index)
        assert (record.files, record.bytes) == (12, sum(map(len, FILES.values())))
        assert sum(seen) == source.size == sum(map(len, LIBRECHAT.layers))
        assert read_record(tmp_path) == record

    def test_is_asked_with_a_token_for_anybody(self, tmp_path: Path) -> None:
        with registry() as there:
            installed(tmp_path, there.name())
        index, token, *rest = there.running.requests
        assert "Authorization" not in index.headers
        assert token.path == "/token?service=tests&scope=repository%3Adanny-avila%2Flibrechat%3Apull"
        assert {each.headers["Authorization"] for each in rest} == {f"Bearer {TOKEN}"}
        assert there.paths[2:] == [
            "manifests/v1",
            f"manifests/{digest_of(LIBRECHAT.manifest)}",
            *(f"blobs/{digest_of(layer)}" for layer in LIBRECHAT.layers),
        ]

    def test_that_wants_none_is_asked_at_once(self, tmp_path: Path) -> None:
        with registry() as there:
            there.wants_token = False
            installed(tmp_path, there.name())
        assert there.paths[0] == "manifests/v1"
        assert len(there.paths) == 5

    def test_has_versions(self, tmp_path: Path) -> None:
        other = Image([packed([*CLIENT, (f"{DIST}robots.txt", b"other")])])
        with registry(**{"v1": LIBRECHAT, "v0.8.7": other}) as there:
            assert installed(tmp_path, there.name(), "0.8.7")["robots.txt"] == b"other"
            assert installed(tmp_path, there.name(), "v1") == FILES
            by_digest = f"{there.host}/danny-avila/librechat@{digest_of(other.index)}"
            assert installed(tmp_path, by_digest)["robots.txt"] == b"other"
            record = read_record(tmp_path)
        assert record is not None
        assert record.version is None

    def test_the_same_image_is_known(self, tmp_path: Path) -> None:
        with registry() as there:
            source = open_source(there.name(), None)
            assert not is_installed(tmp_path, source)
            record = install(tmp_path, source)
            assert is_installed(tmp_path, source)
        (home(tmp_path) / record.directory / "index.html").unlink()
        assert not is_installed(tmp_path, source)

    @pytest.mark.parametrize(
        ("path", "status", "headers", "why"),
        [
            ("manifests/v1", 404, {}, "{name} is not there."),
            ("manifests/v1", 403, {}, "{name} is not open to everybody, or there is no such image."),
            ("manifests/v1", 401, {}, "{host} wants a login, and Echo has none for it."),
            (
                "manifests/v1",
                401,
                {"WWW-Authenticate": 'Basic realm="x"'},
                "{host} wants a login, and Echo has none for it.",
            ),
            (
                "manifests/v1",
                401,
                {"WWW-Authenticate": 'Bearer realm="http://example.com/token"'},
                "{host} leads to 'http://example.com/token', which is no HTTPS.",
            ),
            (
                "manifests/v1",
                302,
                {"Location": "http://example.com/x"},
                "{host} leads to 'http://example.com/x', which is no HTTPS.",
            ),
            (
                "manifests/v1",
                429,
                {"Retry-After": "60"},
                "{name} cannot be had now: {host} has had too many requests from this address, "
                "and asks to wait for 60 seconds.",
            ),
            (
                "blobs/" + digest_of(LIBRECHAT.layers[1]),
                503,
                {},
                "{name} cannot be had now: {host} answers with status 503.",
            ),
        ],
    )
    def test_that_refuses_is_told_of(
        self, tmp_path: Path, path: str, status: int, headers: dict[str, str], why: str
    ) -> None:
        with registry() as there:
            there.wants_token = status != 401
            there.instead[path] = (status, headers, b"")
            with pytest.raises(Unreachable) as told:
                installed(tmp_path, there.name())
        assert str(told.value) == why.format(name=there.name(), host=there.host)
        assert read_record(tmp_path) is None

    def test_that_does_not_answer_is_told_of(self, tmp_path: Path) -> None:
        with pytest.raises(Unreachable, match=r"^127\.0\.0\.1:1 cannot be reached \(Connection refused\)\."):
            installed(tmp_path, "127.0.0.1:1/x/y")

    def test_that_breaks_off_is_told_of(self, tmp_path: Path) -> None:
        layer = LIBRECHAT.layers[1]
        headers = {"Content-Length": str(len(layer)), "Connection": "close"}
        with registry() as there:
            there.instead[f"blobs/{digest_of(layer)}"] = (200, headers, layer[:-9])
            with pytest.raises(Unreachable, match=r"^The connection to .* broke"):
                installed(tmp_path, there.name())

    @pytest.mark.parametrize(
        ("sent", "why"),
        [
            (archive([*CLIENT, ("x", b"forged")]), "A layer is not the one that the image names"),
            (archive([*CLIENT, ("x", b"forged")]) + b"\0" * 99, "A layer is larger than the image says."),
            (archive(CLIENT)[:-512], "A layer broke off before its end."),
            (archive(CLIENT)[:-9999], "A layer is damaged"),
        ],
    )
    def test_whose_layer_is_another_one_installs_nothing(self, tmp_path: Path, sent: bytes, why: str) -> None:
        wanted = archive([*CLIENT, ("x", b"wanted")])
        with registry(v1=Image([wanted])) as there:
            there.instead[f"blobs/{digest_of(wanted)}"] = (200, {}, sent)
            with pytest.raises(Unfit) as told:
                installed(tmp_path, there.name())
        assert str(told.value).startswith(why)
        assert [path.name for path in home(tmp_path).iterdir()] == ["lock"]

    def test_whose_manifest_is_another_one_is_refused(self, tmp_path: Path) -> None:
        digest = digest_of(LIBRECHAT.manifest)
        with registry() as there:
            there.instead[f"manifests/{digest}"] = (200, {}, Image([]).manifest)
            with pytest.raises(Unfit) as told:
                installed(tmp_path, there.name())
        assert str(told.value) == f"The image is not the one that was asked for: its digest is not {digest}."

    @pytest.mark.parametrize(
        ("manifest", "why"),
        [
            (b"<html>", "The image has a manifest that cannot be read."),
            (b"[" * 100_000, "The image has a manifest that cannot be read."),
            (b"[]", "The image has a manifest that cannot be read."),
            (b"{}", "The image has a manifest that names no layers."),
            (b'{"layers": [1]}', "The image has a manifest that names no layers."),
            (
                b'{"layers": [{"size": 1, "digest": "md5:x"}]}',
                "The image has a digest that is no SHA-256: 'md5:x'.",
            ),
            (b'{"layers": [{"size": 8589934593}]}', "A layer is larger than 8 GiB, or its size is missing."),
            (
                b'{"layers": [{"digest": "sha256:x"}]}',
                "A layer is larger than 8 GiB, or its size is missing.",
            ),
            (json.dumps({"layers": [{}] * 201}).encode(), "The image has more than 200 layers."),
            (b'{"manifests": []}', "The image is for no platform that is known: linux/amd64 is missing."),
            (
                b'{"manifests": [{"digest": "../../x"}]}',
                "The image has a digest that is no SHA-256: '../../x'.",
            ),
            (b'{"x": "' + b"x" * 2**22 + b'"}', "The image has a manifest that is too large."),
        ],
    )
    def test_with_a_manifest_that_is_none_is_refused(self, tmp_path: Path, manifest: bytes, why: str) -> None:
        with registry() as there:
            there.instead["manifests/v1"] = (200, {}, manifest)
            with pytest.raises(Unfit) as told:
                installed(tmp_path, there.name())
        assert str(told.value) == why

    def test_without_index_is_fine(self, tmp_path: Path) -> None:
        with registry() as there:
            there.instead["manifests/v1"] = (200, {}, LIBRECHAT.manifest)
            assert installed(tmp_path, there.name()) == FILES

    @pytest.mark.parametrize(
        ("host", "plain", "address"),
        [
            ("ghcr.io", False, "https://ghcr.io/v2/a/b"),
            ("ghcr.io", True, "http://ghcr.io/v2/a/b"),
            ("docker.io", False, "https://registry-1.docker.io/v2/a/b"),
            ("localhost:5000", False, "http://localhost:5000/v2/a/b"),
            ("127.0.0.1.example.com", False, "https://127.0.0.1.example.com/v2/a/b"),
        ],
    )
    def test_is_asked_over_https_unless_it_is_on_this_machine(
        self, host: str, plain: bool, address: str
    ) -> None:
        assert Registry(Reference(host, "a/b", "v1"), plain_http=plain)._base == address


class TestReferences:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("ghcr.io/danny-avila/librechat:v0.8.8", Reference("ghcr.io", "danny-avila/librechat", "v0.8.8")),
            ("librechat/librechat", Reference("docker.io", "librechat/librechat", "latest")),
            ("nginx", Reference("docker.io", "library/nginx", "latest")),
            ("localhost:5000/x", Reference("localhost:5000", "x", "latest")),
            ("[::1]:5000/x:y", Reference("[::1]:5000", "x", "y")),
            ("a.b/c@sha256:" + "0" * 64, Reference("a.b", "c", "latest", "sha256:" + "0" * 64)),
            ("https://ghcr.io/x/y", None),
            ("ghcr.io/../x", None),
            ("ghcr.io/x:a b", None),
            ("UPPER", None),
            ("", None),
        ],
    )
    def test_are_read_as_docker_reads_them(self, text: str, expected: Reference | None) -> None:
        assert parse_reference(text) == expected

    @pytest.mark.parametrize(
        ("netloc", "is_local"),
        [
            ("127.0.0.1", True),
            ("127.8.8.8:5000", True),
            ("localhost:5000", True),
            ("[::1]:5000", True),
            ("10.0.0.1", False),
            ("localhost.example.com", False),
            ("user@127.0.0.1@example.com", False),
            ("", False),
        ],
    )
    def test_name_this_machine_or_another(self, netloc: str, is_local: bool) -> None:
        assert is_this_machine(netloc) is is_local


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


class TestFromAFile:
    def test_of_ocis_layout(self, tmp_path: Path) -> None:
        record = install(
            tmp_path / "data", open_source(str(write_oci(tmp_path / "x.tar", LIBRECHAT, "v9")), None)
        )
        assert files_of(tmp_path / "data", record) == FILES
        assert (record.version, record.digest) == ("v9", digest_of(LIBRECHAT.manifest))

    def test_of_docker_save(self, tmp_path: Path) -> None:
        path = write_docker(tmp_path / "x.tar.gz", [archive(BASE), archive(CLIENT)])
        record = install(tmp_path / "data", open_source(str(path), None))
        assert files_of(tmp_path / "data", record) == FILES
        assert (record.version, record.digest, record.source) == ("v7", None, str(path))

    def test_that_is_no_image_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "x.tar"
        path.write_bytes(archive([("x", b"")]))
        with pytest.raises(Unfit, match=r"is no image: it has neither index\.json nor manifest\.json\.$"):
            open_source(str(path), None)
        path.write_bytes(b"no archive" * 999)
        with pytest.raises(Unfit, match=r"is no image, or damaged"):
            open_source(str(path), None)

    def test_that_is_not_complete_is_refused(self, tmp_path: Path) -> None:
        index = json.loads(LIBRECHAT.index)
        path = tmp_path / "x.tar"
        path.write_bytes(archive([("index.json", json.dumps(index).encode())]))
        with pytest.raises(
            Unfit, match=r"^The image is not complete: 'blobs/sha256/[0-9a-f]{64}' is missing\.$"
        ):
            open_source(str(path), None)

    def test_with_a_forged_layer_is_refused(self, tmp_path: Path) -> None:
        class Forged(Image):
            @property
            def blobs(self) -> dict[str, bytes]:
                return {digest: content[:-1] + b"x" for digest, content in super().blobs.items()}

        assert refused(tmp_path, Forged([archive(CLIENT)])).startswith("A layer is not the one")

    def test_without_a_client_is_refused(self, tmp_path: Path) -> None:
        why = refused(tmp_path, Image([packed(BASE)]))
        assert (
            why == f"{tmp_path / 'image.tar'} holds no web client that could be served: it has no index.html."
        )


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


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def _has_zstd() -> bool:
    return sys.version_info >= (3, 14)
