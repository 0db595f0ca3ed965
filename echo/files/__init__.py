"""Files of users: what may be kept, how it is told apart, and where it lies on disk."""

from echo.files.kinds import allowed_types
from echo.files.store import FileStore, StoredFile
from echo.handling.upload import Upload
from echo.settings import Settings

__all__ = ["FileStore", "StoredFile", "Upload", "build_file_store"]


def build_file_store(settings: Settings) -> FileStore:
    """The place that the settings name."""
    return FileStore(
        settings.data_dir / "files",
        max_bytes=settings.max_upload_bytes,
        max_pixels=settings.max_image_pixels,
        media_types=allowed_types(settings.file_rules),
        librechat=settings.librechat_dir,
    )
