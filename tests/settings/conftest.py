"""Settings from a `librechat.yaml` that a test writes."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from echo.settings import Settings, SettingsError, load_settings

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads settings with this text as the file, below its version; keywords are the environment."""

    def load(text: str, **environ: str) -> Settings:
        path = tmp_path / "librechat.yaml"
        path.write_text(f"version: 1.3.5\n{textwrap.dedent(text)}", encoding="utf-8")
        return load_settings(environ, config_file=path)

    return load


@pytest.fixture
def faults(load: Load) -> Callable[..., list[str]]:
    """The lines of the error that such a file is refused with."""

    def faults(text: str, **environ: str) -> list[str]:
        with pytest.raises(SettingsError) as refused:
            load(text, **environ)
        return str(refused.value).splitlines()

    return faults
