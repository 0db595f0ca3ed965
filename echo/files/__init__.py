"""Files of users: what may be kept, how it is told apart, and where it lies: on disk, or in a service."""

from echo.files.cloud import build_clouds
from echo.files.kinds import allowed_types
from echo.files.store import FileStore, StoredFile
from echo.handling.upload import Upload
from echo.settings import Settings

__all__ = ["FileStore", "StoredFile", "Upload", "build_file_store"]


def build_file_store(settings: Settings) -> FileStore:
    """The places that the settings name; no service is contacted."""
    return FileStore(
        settings.data_dir / "files",
        max_bytes=settings.max_upload_bytes,
        max_pixels=settings.max_image_pixels,
        media_types=allowed_types(settings.file_rules),
        librechat=settings.librechat_dir,
        clouds=build_clouds(settings.cloud),
        goes=settings.cloud,
    )
