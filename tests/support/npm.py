"""Packages of npm's, installed once for a lock file; without Node or npm tests are skipped, but not in CI."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_SECONDS = 300


def install(source: Path, cache: Path, scripts: Sequence[str]) -> Path:
    """A directory with what the lock file beside the scripts names, and the scripts."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        give_up(f"what the tests run needs {' and '.join(missing)}")
    content = b"".join((source / name).read_bytes() for name in FILES)
    directory = cache / hashlib.sha256(content).hexdigest()[:16]
    if not directory.exists():
        _install(source, directory)
    for name in scripts:
        # Another process of tests may be reading the one that is there.
        copy = shutil.copy(source / name, directory / f"{name}.{os.getpid()}")
        Path(copy).rename(directory / name)
    return directory


def _install(source: Path, directory: Path) -> None:
    draft = directory.with_suffix(f".{os.getpid()}")
    draft.mkdir(parents=True)
    for name in FILES:
        shutil.copy(source / name, draft)
    run = subprocess.run(
        ["npm", "ci", "--no-progress", "--loglevel=error"],
        cwd=draft,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if run.returncode != 0:
        shutil.rmtree(draft)
        give_up(f"packages of npm's could not be installed: {run.stderr.strip()[-500:]}")
    try:
        draft.rename(directory)
    except OSError:
        # Another process of tests was faster.
        shutil.rmtree(draft)


def give_up(reason: str) -> None:
    """Skip, but not in CI: there it is a failure."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)
