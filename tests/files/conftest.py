from pathlib import Path

import pytest

from echo.files import FileStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def store(root: Path) -> FileStore:
    return FileStore(root, max_bytes=1_000_000, max_pixels=10_000)
