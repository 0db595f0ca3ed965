"""How much of a file is read into memory at once, and how much of it at all."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """`text` characters, `values` and `depth` of one conversation; `directory` bytes of a zip's list of files.

    `unpacked` bounds what a zip unpacks to, in bytes; None does not.
    """

    text: int
    values: int
    directory: int
    unpacked: int | None = None
    # A tree of messages nests two levels for each: enough for one of 20 000 levels.
    depth: int = 40_000


# The operator's own files: as large as they come.
AT_THE_MACHINE = Limits(text=64 * MIB, values=1_000_000, directory=64 * MIB)


def over_the_network(max_bytes: int) -> Limits:
    """For files that anybody with an account sends; a value can take 230 bytes, a character four."""
    return Limits(text=16 * MIB, values=250_000, directory=4 * MIB, unpacked=max_bytes)
