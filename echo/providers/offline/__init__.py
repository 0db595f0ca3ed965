"""A model of Echo's own for tests, demonstrations and CI: it needs no key and no network, and says what it is."""

from echo.providers.offline.connector import OfflineConnector

__all__ = ["OfflineConnector"]
