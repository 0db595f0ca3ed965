"""Echo: a contract-first chat backend."""

__version__ = "0.1.0"
