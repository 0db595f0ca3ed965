"""What the settings are, once read; times in seconds, sizes in bytes. Secrets never show in a `repr`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RateLimit:
    """So many requests in so many seconds, counted `by` "address", "account" or "email"."""

    limit: int
    window_seconds: int
    by: str


@dataclass(frozen=True)
class ProviderSettings:
    """One provider of models: its key, its models, and where it is reached."""

    name: str
    type: str
    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    title_model: str | None = None

    @property
    def available(self) -> bool:
        """Whether the server has a key for it."""
        return self.api_key is not None


@dataclass(frozen=True)
class SpeechSettings:
    """Speech to text: `mode` is "auto", "offline" or "off"; with a key, a service that speaks OpenAI's protocol."""

    mode: str
    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything that can be set."""

    host: str
    port: int
    workers: int
    threads: int
    mongo_uri: str | None = field(repr=False)
    data_dir: Path
    app_title: str
    domain_server: str
    domain_client: str
    production: bool
    trust_proxy: int
    allow_registration: bool
    allow_email_login: bool
    min_password_length: int
    jwt_secret: str | None = field(repr=False)
    jwt_refresh_secret: str | None = field(repr=False)
    session_seconds: int
    refresh_seconds: int
    secure_cookies: bool | None
    rate_limits_enabled: bool
    rate_limits: Mapping[str, RateLimit]
    log_level: str
    log_format: str
    cors_origins: tuple[str, ...]
    max_body_bytes: int
    max_upload_bytes: int
    max_image_pixels: int
    title_conversations: bool
    providers: tuple[ProviderSettings, ...]
    speech: SpeechSettings
