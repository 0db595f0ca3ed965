"""A database without documents for each test."""

from tests.storage.conftest import database

__all__ = ["database"]
