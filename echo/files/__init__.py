"""Files of users: what may be kept, how it is told apart, and where it lies on disk."""

from echo.files.store import FileStore, StoredFile
from echo.files.upload import Upload

__all__ = ["FileStore", "StoredFile", "Upload"]
