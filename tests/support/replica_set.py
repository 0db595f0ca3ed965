"""A replica set of three members on loopback, of which one can be killed and started again."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from storage.embedded.binary import find_mongod, plain_env
from tests.support.database import in_memory
from tests.support.directories import free_port
from tests.support.waiting import until

NAME, MEMBERS = "three", 3
OPTIONS = (
    *("--bind_ip", "127.0.0.1", "--replSet", NAME, "--wiredTigerCacheSizeGB", "0.25"),
    # For `hold`, and to be quick and small.
    *("--setParameter", "enableTestCommands=1", "--setParameter", "diagnosticDataCollectionEnabled=false"),
    *("--wiredTigerEngineConfigString", "log=(file_max=8MB,prealloc=false)", "--oplogSize", "64"),
)


@dataclass
class ReplicaSet:
    """Its members by their ports. An election begins once a primary was silent for `election_ms`."""

    directory: Path
    election_ms: int
    processes: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self) -> None:
        """Start all, and wait for a primary with two that follow."""
        ports = [free_port() for _ in range(MEMBERS)]
        for port in ports:
            self.start_member(port)
        for port in ports:
            with self.member(port) as client:
                client.admin.command("ping")
        members = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(ports)]
        settings = {
            "electionTimeoutMillis": self.election_ms,
            "heartbeatIntervalMillis": self.election_ms // 2,
        }
        with self.member(ports[0]) as client:
            client.admin.command("replSetInitiate", {"_id": NAME, "members": members, "settings": settings})
        self.wait_until_whole()

    def start_member(self, port: int) -> None:
        """Start a member, the first time or after its death."""
        data = self.directory / str(port)
        data.mkdir(exist_ok=True)
        self.processes[port] = subprocess.Popen(
            [find_mongod(), "--port", str(port), "--dbpath", data, *OPTIONS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=plain_env(),
        )

    def member(self, port: int) -> MongoClient[dict[str, Any]]:
        """A client of this member alone."""
        return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=60_000)

    def uri(self, name: str, **options: str) -> str:
        """The URI of a database, with more options."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.processes)
        more = "".join(f"&{option}={value}" for option, value in options.items())
        return f"mongodb://{hosts}/{name}?replicaSet={NAME}{more}"

    def states(self) -> dict[int, str]:
        """What each living member says of itself."""
        found = {}
        for port, process in self.processes.items():
            if process.poll() is None:
                with self.member(port) as client:
                    hello = client.admin.command("hello")
                found[port] = (
                    "primary" if hello["isWritablePrimary"] else "secondary" if hello["secondary"] else ""
                )
        return found

    def wait_until_whole(self) -> None:
        """Until each member is the primary or follows it."""
        whole = ["primary", *["secondary"] * (MEMBERS - 1)]
        until(lambda: sorted(self.states().values()) == whole)

    def primary(self) -> int:
        """The port of the primary."""
        return next(port for port, state in self.states().items() if state == "primary")

    def secondaries(self) -> list[int]:
        """The ports of those that follow it."""
        return [port for port, state in self.states().items() if state == "secondary"]

    def finds(self, port: int, collection: str) -> bool:
        """Whether a member finds something in a collection, or waits to."""
        with self.member(port) as client:
            running = client.admin.aggregate([{"$currentOp": {}}])
            return any(each.get("command", {}).get("find") == collection for each in running)

    def kill(self, port: int) -> None:
        """End a member as a power failure would."""
        self.processes[port].kill()
        self.processes[port].wait()

    @contextmanager
    def held(self, *ports: int) -> Iterator[None]:
        """Members that apply nothing of what the primary writes."""
        self._hold(ports, "alwaysOn")
        try:
            yield
        finally:
            self._hold(ports, "off")

    def _hold(self, ports: tuple[int, ...], mode: str) -> None:
        for port in ports:
            with self.member(port) as client:
                client.admin.command("configureFailPoint", "rsSyncApplyStop", mode=mode)

    def stop(self) -> None:
        """Kill what is left: nobody reads the data again."""
        for port in self.processes:
            self.kill(port)


@contextmanager
def replica_set(election_ms: int = 1000) -> Iterator[ReplicaSet]:
    """Three members; MongoDB's own time before an election is ten seconds."""
    with tempfile.TemporaryDirectory(prefix="echo-three-", dir=in_memory()) as directory:
        members = ReplicaSet(Path(directory), election_ms)
        try:
            members.start()
            yield members
        finally:
            members.stop()
