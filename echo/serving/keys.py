"""Secrets of the embedded set-up: made once at random, kept private in the data directory.

With a database of the operator's own (`MONGO_URI`) they come from the settings; none has a default.
"""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from echo.settings import Settings, SettingsError, data_dir_of

FILE_NAME = "secrets.json"
# What is made, and how. The last two are in hexadecimal because LibreChat takes them so.
MAKERS: Mapping[str, Callable[[], str]] = {
    "jwt_secret": partial(secrets.token_urlsafe, 48),
    "jwt_refresh_secret": partial(secrets.token_urlsafe, 48),
    "creds_key": partial(secrets.token_hex, 32),
    "creds_iv": partial(secrets.token_hex, 16),
}


def with_secrets(settings: Settings) -> Settings:
    """The settings with every key: as configured, else from (or newly put into) the data directory."""
    missing = [name for name in MAKERS if getattr(settings, name) is None]
    if not missing:
        return settings
    kept = _load_or_make(settings.data_dir)
    found: dict[str, Any] = {name: kept[name] for name in missing}
    return replace(settings, **found)


def kept_secrets(values: Mapping[str, str]) -> dict[str, str]:
    """By variable what an Echo with these variables has made for itself; nothing where there is nothing yet.

    Raises `SettingsError` for a directory that cannot be used or a file that cannot be read.
    """
    path = data_dir_of(values) / FILE_NAME
    try:
        kept = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read ({type(error).__name__}).") from error
    return {name.upper(): kept[name] for name in MAKERS if isinstance(kept, dict) and kept.get(name)}


def _load_or_make(directory: Path) -> dict[str, str]:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / FILE_NAME
    with FileLock(directory / f"{FILE_NAME}.lock"):
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        # An earlier version may have made fewer.
        if lacking := {name: make() for name, make in MAKERS.items() if name not in kept}:
            kept |= lacking
            _write(path, kept)
    return kept


def _write(path: Path, values: dict[str, str]) -> None:
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(values, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
