"""Reading where files lie: LibreChat's `fileStrategy` and `fileStrategies`, and its variables."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from echo.settings.cloud import (
    AZURE,
    CLOUDFRONT,
    EXTRAS,
    FIREBASE,
    LOCAL,
    S3,
    URL_SECONDS,
    AzureSettings,
    CloudSettings,
    FirebaseSettings,
    S3Settings,
    is_missing,
)
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.schema import STRATEGIES
from echo.settings.reader import Reader, SettingsError

# What a signature allows at most.
MAX_URL_SECONDS = 7 * 24 * 3600
NEEDED = {
    S3: "AWS_BUCKET_NAME and AWS_REGION",
    AZURE: "AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_NAME",
    FIREBASE: "FIREBASE_STORAGE_BUCKET",
}


def read_cloud(reader: Reader, config: ConfigFile) -> CloudSettings:
    """What the variables and the file say. Raises `SettingsError` where new files have nowhere to go."""
    avatar, image, document = _strategies(reader, config)
    settings = CloudSettings(avatar, image, document, _s3(reader), _azure(reader), _firebase(reader))
    for source in settings.used:
        if not settings.has(source):
            raise SettingsError(f"fileStrategy is {source}, for which {NEEDED[source]} must be set.")
        if is_missing(source):
            raise SettingsError(
                f'fileStrategy is {source}, which needs: pip install "echo-api[{EXTRAS[source]}]".'
            )
    return settings


def cloud_notices(settings: CloudSettings) -> Iterator[str]:
    """What to tell whoever starts the server."""
    for source, extra in EXTRAS.items():
        if settings.has(source) and is_missing(source):
            yield f'Files in {source} cannot be read: pip install "echo-api[{extra}]".'


def _strategies(reader: Reader, config: ConfigFile) -> tuple[str, str, str]:
    """LibreChat's order: for the kind of file, the default of `fileStrategies`, `fileStrategy`, `CDN_PROVIDER`."""
    plain = reader.text("CDN_PROVIDER", None, one_of=STRATEGIES)
    plain = config.values.get("fileStrategy") or plain or LOCAL
    kinds = config.section("fileStrategies")
    default = kinds.get("default") or plain
    found = (kinds.get(kind) or default for kind in ("avatar", "image", "document"))
    avatar, image, document = (S3 if each == CLOUDFRONT else each for each in found)
    return avatar, image, document


def _s3(reader: Reader) -> S3Settings | None:
    bucket, region = reader.text("AWS_BUCKET_NAME"), reader.text("AWS_REGION")
    endpoint = _address(reader, "AWS_ENDPOINT_URL")
    key, secret = reader.text("AWS_ACCESS_KEY_ID"), reader.text("AWS_SECRET_ACCESS_KEY")
    settings = {
        "session_token": reader.text("AWS_SESSION_TOKEN"),
        "force_path_style": reader.flag("AWS_FORCE_PATH_STYLE", False),
        "url_seconds": reader.whole("S3_URL_EXPIRY_SECONDS", URL_SECONDS, minimum=1, maximum=MAX_URL_SECONDS),
    }
    if not (bucket and region):
        return None
    return S3Settings(bucket, region, endpoint, key if secret else None, secret if key else None, **settings)


def _azure(reader: Reader) -> AzureSettings | None:
    name = "AZURE_STORAGE_CONNECTION_STRING"
    connection, account = reader.text(name), reader.text("AZURE_STORAGE_ACCOUNT_NAME")
    container = reader.text("AZURE_CONTAINER_NAME", "files")
    if not connection:
        url = f"https://{account}.blob.core.windows.net"
        return AzureSettings(container, account, url) if account else None
    # https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
    parts = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
    account, key, signature = (
        parts.get(each) for each in ("AccountName", "AccountKey", "SharedAccessSignature")
    )
    scheme, suffix = (
        parts.get("DefaultEndpointsProtocol", "https"),
        parts.get("EndpointSuffix", "core.windows.net"),
    )
    endpoint = parts.get("BlobEndpoint", f"{scheme}://{account}.blob.{suffix}").rstrip("/")
    account = account or (urlsplit(endpoint).hostname or "").partition(".")[0]
    if not account or not (key or signature) or not endpoint.startswith(("https://", "http://")):
        raise SettingsError(f"{name} must name an account, with a key or a signature.")
    return AzureSettings(container, account, endpoint, key, signature)


def _firebase(reader: Reader) -> FirebaseSettings | None:
    bucket = reader.text("FIREBASE_STORAGE_BUCKET")
    return FirebaseSettings(bucket) if bucket else None


def _address(reader: Reader, name: str) -> str | None:
    address: str | None = reader.text(name)
    if address is not None and not address.startswith(("http://", "https://")):
        raise SettingsError(f"{name} must begin with http:// or https://.")
    return address.rstrip("/") if address else None
