"""Where files lie beside this server's disk: in which services."""

from dataclasses import dataclass, field
from importlib.util import find_spec

LOCAL, S3, AZURE, FIREBASE = "local", "s3", "azure_blob", "firebase"
# CloudFront is LibreChat's other way to a bucket of S3: where files lie, and their keys, are the same.
CLOUDFRONT = "cloudfront"
# LibreChat's.
URL_SECONDS = 120
# Which extra has the library, by source.
EXTRAS = {S3: "s3", AZURE: "azure"}
LIBRARY = "obstore"
FIREBASE_URL = "https://firebasestorage.googleapis.com"


@dataclass(frozen=True)
class S3Settings:
    """A bucket; without keys those of the machine, container or service account are used, as AWS has it."""

    bucket: str
    region: str
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    force_path_style: bool = False
    url_seconds: int = URL_SECONDS


@dataclass(frozen=True)
class AzureSettings:
    """A container; without a key or signature the machine's managed identity is used."""

    container: str
    account: str
    endpoint: str
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    url_seconds: int = URL_SECONDS


@dataclass(frozen=True)
class FirebaseSettings:
    """A bucket of Firebase; as in LibreChat its rules must let the server in, for nobody logs in there."""

    bucket: str
    url: str = FIREBASE_URL


@dataclass(frozen=True)
class CloudSettings:
    """Where new files go, by what they are, and every service in which there may be files."""

    avatar: str = LOCAL
    image: str = LOCAL
    document: str = LOCAL
    s3: S3Settings | None = None
    azure: AzureSettings | None = None
    firebase: FirebaseSettings | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """The services that new files go to."""
        return tuple(sorted({self.avatar, self.image, self.document} - {LOCAL}))

    def has(self, source: str) -> bool:
        """Whether a service is set up."""
        services = {S3: self.s3, AZURE: self.azure, FIREBASE: self.firebase}
        return services.get(source) is not None


def is_missing(source: str) -> bool:
    """Whether the library for a service is not installed."""
    return source in EXTRAS and find_spec(LIBRARY) is None
