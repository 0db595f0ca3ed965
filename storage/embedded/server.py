"""Running the embedded `mongod`: one server for one data directory, owned by one process."""

import logging
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote_plus

from filelock import FileLock, Timeout

from storage.embedded.binary import (
    EmbeddedUnavailable,
    check_descriptors,
    installed_mongod,
    plain_env,
    probe,
)
from storage.embedded.places import Places
from storage.embedded.process import end, start
from storage.embedded.replica import REPLICA_SET, START_SECONDS, is_ready, wait_until_ready

log = logging.getLogger(__name__)

# A server that died and does not start again is tried again after this time.
RETRY_SECONDS = 5.0
LOG_BYTES = 16 * 1024 * 1024
CACHE_GB = "0.25"
# An empty database takes 8 MB so, and 314 MB otherwise.
JOURNAL = "log=(file_max=8MB,prealloc=false)"
# The percentage of the cache that changes may take. By default one change may take 10: half of that is a document of
# 12.5 MB, its other half the oplog's entry, and with a larger one MongoDB 6.0 waits for room for ever.
CHANGES = "eviction_dirty_trigger=50,eviction_updates_trigger=50"
# Each operation under way has one, and Echo has some dozens of threads for each worker. MongoDB would have 33 000,
# and set 36 MB aside for them.
SESSIONS = "session_max=5000"


class EmbeddedServer:
    """A private `mongod` that listens on a Unix socket only.

    The process that starts it first owns it: the server ends with `stop()`, and with the owner's death, whatever the
    cause. Another process that starts one on the same directory meanwhile is connected to the first one's.

    Start it from a thread that lives as long as the process: the kernel ends the server with the starting thread.
    """

    def __init__(self, data_dir: Path, *, binary: Path | None = None) -> None:
        self._places = Places(data_dir)
        self._binary = binary
        # Not one for each thread: whoever stops the server lets go of the lock.
        self._lock = FileLock(data_dir / "owner.lock", thread_local=False)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = False
        self._next_try = 0.0

    @property
    def uri(self) -> str:
        """Where to connect; with journaled writes."""
        return (
            f"mongodb://{quote_plus(str(self._places.socket))}/LibreChat?directConnection=true&journal=true"
        )

    @property
    def alive(self) -> bool:
        """Whether this process owns a server that runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._places.socket

    def start(self) -> str:
        """Start the server, or find the one that runs; its URI. Raises `EmbeddedUnavailable`."""
        uri = self.begin()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return uri

    def begin(self) -> str:
        """The same without waiting for it: `storage.embedded.replica.wait_until_ready` does, in any process.

        Whoever waits calls `check` meanwhile, and `stop` if nothing comes of it.
        """
        try:
            self._places.make()
            self._start_or_join()
        except OSError as error:
            raise EmbeddedUnavailable(f"{error}.") from error
        self._started = True
        return self.uri

    def check(self) -> None:
        """Raise `EmbeddedUnavailable` where the server of this process has ended while it started, saying why."""
        if self._process is not None and self._process.poll() is not None:
            # It does not run at all, or it does and has said why not.
            probe(self._binary or installed_mongod())
            raise EmbeddedUnavailable(f"the server ended while starting; see {self._places.log}.")

    def restart_if_dead(self) -> bool:
        """Start the server again if it has died, or if another process owned it that has gone; whether it did.

        Never raises: a server that does not start is logged, and tried again some seconds later. Also keeps the
        server's log small. Meant to be called every second or so.
        """
        if self.alive:
            self._rotate_log()
            return False
        if not self._started or time.monotonic() < self._next_try or not self._own():
            return False
        if self._process is not None:
            log.error("the embedded database ended with %s", self._process.returncode)
        try:
            # The same as before: its path is in the URI that the workers have.
            self._places.claim_socket()
            self._run()
            self._wait()
        except (EmbeddedUnavailable, OSError) as error:
            log.error("the embedded database did not start again: %s", error)
            self._next_try = time.monotonic() + RETRY_SECONDS
            return False
        return True

    def stop(self) -> None:
        """Stop an owned server cleanly; does nothing to another process's."""
        self._started = False
        process, self._process = self._process, None
        if process is not None:
            end(process)
            self._places.tidy()
        self._lock.release()

    def _start_or_join(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._own():
                self._places.choose_socket()
                self._run_or_let_go()
                return
            if self._places.find_socket() and is_ready(self.uri):
                return
            time.sleep(0.1)
        raise EmbeddedUnavailable(
            f"another process holds {self._places.directory}, and its server does not answer."
        )

    def _own(self) -> bool:
        try:
            # `acquire` counts: each process needs it once.
            if not self._lock.is_locked:
                self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def _run_or_let_go(self) -> None:
        try:
            self._run()
        except BaseException:
            self.stop()
            raise

    def _run(self) -> None:
        check_descriptors()
        binary = self._binary or installed_mongod()
        self._places.wait_for_predecessor(START_SECONDS)
        # A server that was killed leaves its socket behind; the lock says that it has gone.
        self._places.remove_socket()
        self._process = start([str(binary), *self._options()], plain_env())

    def _wait(self) -> None:
        try:
            wait_until_ready(self.uri, self.socket, self.check)
        except EmbeddedUnavailable:
            if self._process is not None:
                end(self._process)
            raise

    def _options(self) -> list[str]:
        return [
            *("--dbpath", str(self._places.data)),
            *("--logpath", str(self._places.log), "--logappend", "--logRotate", "reopen", "--quiet"),
            *("--bind_ip", str(self._places.socket), "--filePermissions", "0600"),
            *("--replSet", REPLICA_SET, "--oplogSize", "64"),
            *("--wiredTigerCacheSizeGB", CACHE_GB),
            *("--wiredTigerEngineConfigString", f"{JOURNAL},{CHANGES},{SESSIONS}"),
            *("--networkMessageCompressors", "disabled"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]

    def _rotate_log(self) -> None:
        if self._process is not None and self._places.move_large_log(LOG_BYTES):
            self._process.send_signal(signal.SIGUSR1)
