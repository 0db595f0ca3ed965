"""A private, real MongoDB for those who bring none: the binary of the `[embedded]` extra, run by Echo."""

from storage.embedded.binary import EmbeddedUnavailable
from storage.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "EmbeddedUnavailable"]
