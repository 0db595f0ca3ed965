"""A client out of an image in a file."""

import json
from pathlib import Path

import pytest

from echo.webclient.failures import Unfit
from echo.webclient.install import install, open_source
from tests.support.installing import files_of, refused
from tests.support.registry import (
    BASE,
    CLIENT,
    LIBRECHAT,
    Image,
    archive,
    digest_of,
    packed,
    write_docker,
    write_oci,
)
from tests.support.web_client import FILES


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
