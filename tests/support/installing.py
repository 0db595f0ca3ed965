"""Installing a web client, and what is there afterwards."""

from pathlib import Path

import pytest

from echo.webclient.failures import Unfit
from echo.webclient.install import install, open_source
from echo.webclient.installed import Installed, home
from tests.support.registry import (
    Image,
    write_oci,
)


def installed(data_dir: Path, source: str, version: str | None = None) -> dict[str, bytes]:
    """Install from there, and answer with the files that are there afterwards."""
    return files_of(data_dir, install(data_dir, open_source(source, version)))


def files_of(data_dir: Path, record: Installed) -> dict[str, bytes]:
    directory = home(data_dir) / record.directory
    paths = [path for path in directory.rglob("*") if not path.is_dir()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def refused(tmp_path: Path, image: Image) -> str:
    """Why this image cannot be installed; that nothing of it is left."""
    with pytest.raises(Unfit) as why:
        installed(tmp_path / "data", str(write_oci(tmp_path / "image.tar", image)))
    left = [path for path in tmp_path.rglob("*") if path.name not in ("image.tar", "lock")]
    assert left == [tmp_path / "data", tmp_path / "data" / "web-client"]
    return str(why.value)
