"""Where the embedded server keeps its things: the data directory, and the directory of its socket."""

import contextlib
import fcntl
import hashlib
import os
import stat
import sys
import tempfile
import time
from pathlib import Path

from storage.embedded.binary import EmbeddedUnavailable

# The kernel's limit for the path of a Unix socket, less its final NUL: 108 bytes on Linux, 104 on macOS.
MAX_SOCKET_PATH = 107 if sys.platform == "linux" else 103
PRIVATE = 0o700


class Places:
    """The paths of one server. `socket` is a guess until `choose_socket` or `find_socket` was called."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "mongod.log"
        self.socket = socket_path(directory)
        # The owner writes down where its socket is: another process may have another idea of a runtime directory.
        self._note = directory / "socket.path"

    def make(self) -> None:
        """Make the data directory; raises `OSError`."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        self.data.mkdir(exist_ok=True, mode=PRIVATE)

    def choose_socket(self) -> None:
        """For a new owner: settle where the socket will be; raises as `claim_socket` does."""
        self.socket = socket_path(self.directory)
        self.claim_socket()

    def claim_socket(self) -> None:
        """For the owner: make the directory of the socket, and note its path for others.

        Raises `EmbeddedUnavailable` for a directory that somebody else could have prepared, `OSError`.
        """
        directory = self.socket.parent
        directory.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        found = directory.lstat()
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_uid != os.getuid()
            or stat.S_IMODE(found.st_mode) & 0o077
        ):
            raise EmbeddedUnavailable(f"{directory} is not a private directory of this user.")
        draft = self._note.with_suffix(".new")
        draft.write_bytes(os.fsencode(self.socket))
        draft.replace(self._note)

    def find_socket(self) -> bool:
        """For others: read where the owner's socket is; whether it is noted."""
        try:
            self.socket = Path(os.fsdecode(self._note.read_bytes()))
        except FileNotFoundError:
            return False
        return True

    def remove_socket(self) -> None:
        """Remove the socket of a server that has gone."""
        with contextlib.suppress(OSError):
            self.socket.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove the socket and its directory. The note of its path stays, and does no harm."""
        self.remove_socket()
        with contextlib.suppress(OSError):
            self.socket.parent.rmdir()

    def wait_for_predecessor(self, seconds: float) -> None:
        """Wait until no server uses the data.

        The server of an owner that was killed takes a moment to end, and removes its socket while it does.
        """
        deadline = time.monotonic() + seconds
        while _is_locked(self.data / "mongod.lock"):
            if time.monotonic() > deadline:
                raise EmbeddedUnavailable(f"another server still uses {self.data}.")
            time.sleep(0.05)

    def move_large_log(self, limit: int) -> bool:
        """Put a log beyond `limit` bytes aside, over the one before it; whether it was so large."""
        try:
            if self.log.stat().st_size <= limit:
                return False
            self.log.replace(self.log.with_suffix(".old.log"))
        except FileNotFoundError:
            return False
        return True


def socket_path(data_dir: Path) -> Path:
    """A short path for the socket, the same for every process that means this data directory."""
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    path = Path(runtime) / f"echo-{os.getuid()}-{name}" / "mongod.sock"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        path = Path("/tmp") / f"echo-{os.getuid()}-{name}" / "mongod.sock"  # noqa: S108 - checked when it is made
    return path


def _is_locked(path: Path) -> bool:
    """Whether a server holds its lock file: with flock, as MongoDB does."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
