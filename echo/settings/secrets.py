"""Signing keys that may be used, and those that may not."""

from echo.settings.reader import Reader, SettingsError

MIN_KEY_BYTES = 32
# Published in LibreChat's example configuration, so known to everyone.
WELL_KNOWN = {
    "16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef",
    "eaa5191f2914e30b9387fd84e254e4ba6fc51b4654968a9b0803b456a54b8418",
}
PLACEHOLDERS = ("changeme", "change-me", "your_secret", "your-secret", "secret_key", "example", "placeholder")
MIN_DISTINCT = 8


def read_keys(reader: Reader, *, required: bool) -> tuple[str | None, str | None]:
    """Both keys; raises `SettingsError` for one that is missing where required, short, guessable or used twice."""
    access, refresh = (_read_key(reader, name, required) for name in ("JWT_SECRET", "JWT_REFRESH_SECRET"))
    if access is not None and access == refresh:
        raise SettingsError("JWT_REFRESH_SECRET must not equal JWT_SECRET.")
    return access, refresh


def _read_key(reader: Reader, name: str, required: bool) -> str | None:
    key: str | None = reader.text(name)
    if key is None:
        if required:
            raise SettingsError(
                f"{name} must be set when MONGO_URI is; `openssl rand -hex 32` makes a good one."
            )
        return None
    if len(key.encode()) < MIN_KEY_BYTES:
        raise SettingsError(f"{name} must have at least {MIN_KEY_BYTES} bytes.")
    lowered = key.lower()
    if lowered in WELL_KNOWN or any(word in lowered for word in PLACEHOLDERS) or len(set(key)) < MIN_DISTINCT:
        raise SettingsError(f"{name} is well known or guessable; `openssl rand -hex 32` makes a good one.")
    return key
