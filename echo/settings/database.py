"""What a `MONGO_URI` asks for."""

from echo.settings.reader import SettingsError


def ignored_options(uri: str) -> tuple[str, ...]:
    """The names of the options that have no effect; raises `SettingsError` for one that cannot be used."""
    # Imported here: the driver takes longer to load than all settings to read, and many commands need no database.
    from storage.core.uris import UnusableUri, read_uri  # noqa: PLC0415

    try:
        return read_uri(uri).ignored
    except UnusableUri as error:
        raise SettingsError(f"MONGO_URI cannot be used: {error}.") from error
