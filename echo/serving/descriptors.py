"""File descriptors: as many as the system gives, and some kept back from connections."""

import resource

# What `mongod` asks for too.
WANTED = 64_000
# For the listening socket, logs, and a connection to the database for every thread that may ask for one.
KEPT_BACK = 128
FEWEST = 16


def raise_limit() -> None:
    """Let this process, and all that it starts, have as many descriptors as it may have, up to `WANTED`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def room_for(connections: int) -> int:
    """How many of the connections that are wanted a process has descriptors for, at least `FEWEST`.

    Each may need a second one: its upload's file, a provider's stream.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(FEWEST, (soft - KEPT_BACK) // 2))
