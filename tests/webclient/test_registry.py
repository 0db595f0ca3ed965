"""A client out of an image in a registry on loopback: what it is asked, and what is refused."""

import json
from pathlib import Path

import pytest

from echo.webclient.failures import Unfit, Unreachable
from echo.webclient.install import install, is_installed, open_source
from echo.webclient.installed import home, read_record
from echo.webclient.references import Reference
from echo.webclient.registry import Registry
from tests.support.installing import files_of, installed
from tests.support.registry import (
    CLIENT,
    DIST,
    LIBRECHAT,
    TOKEN,
    Image,
    archive,
    digest_of,
    packed,
    registry,
)
from tests.support.web_client import FILES


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
