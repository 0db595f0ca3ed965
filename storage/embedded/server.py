"""Running the embedded `mongod`: one server for one data directory, owned by one process."""

import contextlib
import ctypes
import hashlib
import logging
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote_plus

from filelock import FileLock, Timeout
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from storage.embedded.binary import EmbeddedUnavailable, find_mongod, plain_env

log = logging.getLogger(__name__)

START_SECONDS = 60.0
STOP_SECONDS = 60.0
REPLICA_SET = "echo"
ALREADY_INITIATED = 23
PR_SET_PDEATHSIG = 1
LOG_BYTES = 16 * 1024 * 1024
# The kernel's limit for the path of a Unix socket is 108 bytes with its final NUL.
MAX_SOCKET_PATH = 107


class EmbeddedServer:
    """A private `mongod` that listens on a Unix socket only.

    A process that starts it first owns it: it stops with `stop()`, and with the owner's death, whatever the cause.
    Another process that starts one on the same directory meanwhile connects to the first one's.

    Start it from a thread that lives as long as the process: the kernel ends the server with the starting thread.
    """

    def __init__(self, data_dir: Path, *, binary: Path | None = None) -> None:
        self._data = data_dir / "data"
        self._log = data_dir / "mongod.log"
        self._directory = data_dir
        self._socket = socket_path(data_dir)
        self._binary = binary
        self._lock = FileLock(data_dir / "owner.lock")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Where to connect; with journaled writes."""
        return f"mongodb://{quote_plus(str(self._socket))}/LibreChat?directConnection=true&journal=true"

    def start(self) -> str:
        """Start the server, or find the one that runs; its URI. Raises `EmbeddedUnavailable`."""
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._own():
                self._run()
                return self.uri
            if self._answers():
                return self.uri
            time.sleep(0.1)
        raise EmbeddedUnavailable(f"another process holds {self._directory}, and its server does not answer.")

    def _own(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def _run(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            self._log.replace(self._log.with_suffix(".old.log"))
        binary = self._binary or find_mongod()
        self._socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A server that was killed leaves its socket behind; the lock says that it has gone.
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [binary, *self._options()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=plain_env(),
            # A group of its own: Ctrl-C in the terminal is for Echo, which then stops the server last.
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one C call, which takes no lock of Python's
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _options(self) -> list[str]:
        return [
            *("--dbpath", str(self._data)),
            *("--logpath", str(self._log), "--logappend"),
            *("--bind_ip", str(self._socket), "--filePermissions", "0600"),
            *("--replSet", REPLICA_SET, "--oplogSize", "64"),
            *("--wiredTigerCacheSizeGB", "0.25"),
            *("--wiredTigerEngineConfigString", "log=(file_max=8MB,prealloc=false)"),
            *("--networkMessageCompressors", "disabled"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise EmbeddedUnavailable(f"the server ended while starting; see {self._log}.")
            if self._answers():
                return
            time.sleep(0.05)
        raise EmbeddedUnavailable(
            f"the server did not become ready in {START_SECONDS:.0f} s; see {self._log}."
        )

    def _answers(self) -> bool:
        """Whether the server takes writes; makes it a replica set of one where it is none yet."""
        try:
            with MongoClient[dict[str, object]](self.uri, serverSelectionTimeoutMS=500) as client:
                hello = client.admin.command("hello")
                if not hello.get("setName") and self._process is not None:
                    self._initiate(client)
                return bool(hello.get("isWritablePrimary"))
        except PyMongoError:
            return False

    def _initiate(self, client: "MongoClient[dict[str, object]]") -> None:
        # The member's address is the path of the socket; the server recognises itself by it.
        member = {"_id": 0, "host": str(self._socket)}
        try:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        except OperationFailure as error:
            if error.code != ALREADY_INITIATED:
                raise EmbeddedUnavailable(f"it cannot become a replica set ({error.code}).") from error
            # The data were made under another path, and the server does not know itself any more.
            config = client.admin.command("replSetGetConfig")["config"]
            changed = {**config, "members": [member], "version": config["version"] + 1}
            client.admin.command("replSetReconfig", changed, force=True)

    @property
    def alive(self) -> bool:
        """Whether this process owns a server that runs."""
        return self._process is not None and self._process.poll() is None

    def restart_if_dead(self) -> bool:
        """Start an owned server again that has died; whether it had."""
        if self._process is None or self.alive:
            return False
        log.error("the embedded database ended with %s", self._process.returncode)
        self._run()
        return True

    def stop(self) -> None:
        """Stop an owned server cleanly; does nothing to another process's."""
        process, self._process = self._process, None
        if process is not None:
            end(process)
            with contextlib.suppress(OSError):
                self._socket.unlink(missing_ok=True)
        self._lock.release()


def end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and SIGKILL for what has not gone after a minute; the journal makes up for that."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def socket_path(data_dir: Path) -> Path:
    """A short path for the socket, the same for every process that means this data directory."""
    name = hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:12]
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    path = Path(runtime) / f"echo-{os.getuid()}-{name}" / "mongod.sock"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        path = Path("/tmp") / f"echo-{os.getuid()}-{name}" / "mongod.sock"  # noqa: S108 - private by its mode
    return path


def die_with_parent() -> None:
    """In the child, before it becomes the server: ask the kernel to end it with the parent (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
