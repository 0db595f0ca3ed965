"""Keys that sign and keys that encrypt: those that may be used, and those that may not."""

import re

from echo.settings.reader import Reader, SettingsError

MIN_KEY_BYTES = 32
# Published in LibreChat's example configuration, so known to everyone.
WELL_KNOWN = {
    "16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef",
    "eaa5191f2914e30b9387fd84e254e4ba6fc51b4654968a9b0803b456a54b8418",
    "f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0",
    "e2341419ec3dd3d19b13a1a87fafcbfb",
}
PLACEHOLDERS = ("changeme", "change-me", "your_secret", "your-secret", "secret_key", "example", "placeholder")
MIN_DISTINCT = 8
# AES-256 takes a key of 32 bytes and a vector of 16.
CREDENTIALS = {"CREDS_KEY": 32, "CREDS_IV": 16}


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


def read_credentials_keys(reader: Reader) -> tuple[str | None, str | None]:
    """`CREDS_KEY` and `CREDS_IV`, both or neither: without them users' own provider keys cannot be kept.

    Raises `SettingsError` for one without the other, of another length, or well known.
    """
    key, vector = (_read_hex(reader, name, size) for name, size in CREDENTIALS.items())
    if (key is None) != (vector is None):
        raise SettingsError("CREDS_KEY and CREDS_IV must be set together, or neither.")
    return key, vector


def _read_hex(reader: Reader, name: str, size: int) -> str | None:
    value: str | None = reader.text(name)
    if value is None:
        return None
    if not re.fullmatch(f"[0-9a-fA-F]{{{size * 2}}}", value):
        raise SettingsError(
            f"{name} must be {size} bytes in hexadecimal; `openssl rand -hex {size}` makes a good one."
        )
    if value.lower() in WELL_KNOWN:
        raise SettingsError(f"{name} is well known; `openssl rand -hex {size}` makes a good one.")
    return value.lower()
