"""Secrets of the embedded set-up: made once at random, kept private in the data directory.

With a database of the operator's own (`MONGO_URI`) they come from the settings; none has a default.
"""

import json
import os
import secrets
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from echo.settings import Settings

FILE_NAME = "secrets.json"
KEY_BYTES = 48


def with_secrets(settings: Settings) -> Settings:
    """The settings with both signing keys: as configured, else from (or newly put into) the data directory."""
    if settings.jwt_secret and settings.jwt_refresh_secret:
        return settings
    kept = _load_or_make(settings.data_dir)
    return replace(
        settings,
        jwt_secret=settings.jwt_secret or kept["jwt_secret"],
        jwt_refresh_secret=settings.jwt_refresh_secret or kept["jwt_refresh_secret"],
    )


def _load_or_make(directory: Path) -> dict[str, str]:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / FILE_NAME
    with FileLock(directory / f"{FILE_NAME}.lock"):
        if not path.exists():
            _write(
                path,
                {name: secrets.token_urlsafe(KEY_BYTES) for name in ("jwt_secret", "jwt_refresh_secret")},
            )
        kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _write(path: Path, values: dict[str, str]) -> None:
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
