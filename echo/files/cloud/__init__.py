"""Files in a service: S3 and what is compatible with it, Azure's blobs, Firebase."""

from collections.abc import Mapping

from echo.files.cloud.service import Cloud, CloudObject
from echo.settings.cloud import AZURE, FIREBASE, S3, CloudSettings, is_missing

__all__ = ["Cloud", "CloudObject", "build_clouds"]


def build_clouds(settings: CloudSettings) -> Mapping[str, Cloud]:
    """The services that are set up, and whose library is there, by LibreChat's `source`; nothing is contacted."""
    # Imported where one is used: the library takes a tenth of a second.
    clouds: dict[str, Cloud] = {}
    if settings.s3 and not is_missing(S3):
        from echo.files.cloud.object_stores import s3_cloud  # noqa: PLC0415

        clouds[S3] = s3_cloud(settings.s3)
    if settings.azure and not is_missing(AZURE):
        from echo.files.cloud.object_stores import azure_cloud  # noqa: PLC0415

        clouds[AZURE] = azure_cloud(settings.azure)
    if settings.firebase:
        from echo.files.cloud.firebase import FirebaseCloud  # noqa: PLC0415

        clouds[FIREBASE] = FirebaseCloud(settings.firebase)
    return clouds
