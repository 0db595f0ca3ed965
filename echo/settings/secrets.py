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
# What makes each secret that is not set.
REMEDY = "`echo-api secrets` makes one"
REMEDY_BOTH = "`echo-api secrets` makes them"
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
            raise SettingsError(f"{name} must be set when MONGO_URI is; {REMEDY}.")
        return None
    if len(key.encode()) < MIN_KEY_BYTES:
        raise SettingsError(f"{name} must have at least {MIN_KEY_BYTES} bytes; without it {REMEDY}.")
    lowered = key.lower()
    if lowered in WELL_KNOWN or any(word in lowered for word in PLACEHOLDERS) or len(set(key)) < MIN_DISTINCT:
        raise SettingsError(f"{name} is well known or guessable; without it {REMEDY}.")
    return key


def read_credentials_keys(reader: Reader) -> tuple[str | None, str | None]:
    """`CREDS_KEY` and `CREDS_IV`, both or neither: without them users' own provider keys cannot be kept.

    Raises `SettingsError` for one without the other, of another length, or well known.
    """
    key, vector = (_read_hex(reader, name, size) for name, size in CREDENTIALS.items())
    if (key is None) != (vector is None):
        raise SettingsError(
            f"CREDS_KEY and CREDS_IV must be set together, or neither; without both {REMEDY_BOTH}."
        )
    return key, vector


def _read_hex(reader: Reader, name: str, size: int) -> str | None:
    value: str | None = reader.text(name)
    if value is None:
        return None
    if not re.fullmatch(f"[0-9a-fA-F]{{{size * 2}}}", value):
        raise SettingsError(
            f"{name} must be {size} bytes in hexadecimal; without CREDS_KEY and CREDS_IV {REMEDY_BOTH}."
        )
    if value.lower() in WELL_KNOWN:
        raise SettingsError(f"{name} is well known; without CREDS_KEY and CREDS_IV {REMEDY_BOTH}.")
    return value.lower()
