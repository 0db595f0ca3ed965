"""A `mongod` that is no replica set, and so has no transactions: some deployments are like that."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus

from pymongo import MongoClient

from storage.embedded.binary import find_mongod, plain_env


@contextmanager
def single_server(*more: str) -> Iterator[str]:
    """Its URI, while it runs with these options as well. Raises `EmbeddedUnavailable` where there is no binary."""
    binary = find_mongod()
    with tempfile.TemporaryDirectory(prefix="echo-single-") as directory:
        socket = Path(directory) / "mongod.sock"
        options = ("--dbpath", directory, "--bind_ip", str(socket), "--wiredTigerCacheSizeGB", "0.25", *more)
        process = subprocess.Popen(
            [binary, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=plain_env()
        )
        try:
            uri = f"mongodb://{quote_plus(str(socket))}/"
            with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=60_000) as client:
                client.admin.command("ping")
            yield uri
        finally:
            process.terminate()
            process.wait(60)
